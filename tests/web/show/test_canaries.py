"""Unique values in every field of an event and its visitor: only what is mapped leaves, and nothing shows in clear."""

import hashlib
import logging
import re
import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from ours import clock, log
from ours.bootstrap import Ours
from ours.core.agreements import GUARDED, HASHED_ONLY
from ours.core.catalogues import DEFAULT_PROPERTIES, USER_PROPERTIES
from ours.core.incoming import Incoming
from ours.core.mapping import context_of
from ours.core.sensitivity import is_sensitive
from ours.plugin import Event, Visitor
from ours.plugin.testing import DestinationContract
from ours.registry import load_built_in
from ours.services.destinations.config import Config
from ours.services.preview.judging import side
from tests.receiver import Receiver
from tests.web.show.conftest import Browser

CANARY = re.compile(rb"canary[0-9a-f]{10}")


def canary(name: str) -> str:
    """A text that occurs nowhere else, and says nothing of where it was planted."""
    return f"canary{hashlib.sha256(name.encode()).hexdigest()[:10]}"


def planted() -> tuple[dict[str, Any], dict[str, str]]:
    """What a backend sends, and each canary by the path that leads to it."""
    user = {name: canary(f"visitor.{name}") for name in USER_PROPERTIES if name not in ("external_id", "is_bot")}
    user |= {"email": f"{canary('visitor.email')}@example.com", "custom_properties": {"plan": canary("custom")},
             "consent": {"rejected_categories": [canary("consent")]}}  # fmt: skip
    page = {name: canary(f"event.default_properties.{name}") for name in DEFAULT_PROPERTIES}
    page["current_url"] = f"https://shop.example.com/{canary('path')}"
    sent = {
        "user_id": canary("event.user_id"),
        "external_id": canary("event.external_id"),
        "distinct_id": canary("event.distinct_id"),
        "event_properties": {"value": canary("value"), "deep": {"note": canary("note")}},
        "user_properties": user,
        "default_properties": page,
        "identity_context": {"ip": canary("ip"), "userAgent": canary("agent")},
    }
    paths = {f"visitor.{name}": value for name, value in user.items() if isinstance(value, str)}
    return sent, paths


def found_in(data: bytes) -> set[str]:
    return {found.decode() for found in CANARY.findall(data)}


def in_(value: Any) -> set[str]:
    return found_in(repr(value).encode())


def settings_of(slug: str) -> Any:
    """Those that the built-in's own test gives it."""
    tests = vars(import_module(f"tests.destinations.test_{slug}")).values()
    kinds = (one for one in tests if isinstance(one, type) and issubclass(one, DestinationContract))
    return next(one.settings for one in kinds if one is not DestinationContract)


@pytest.mark.parametrize("loaded", load_built_in().loaded, ids=lambda one: str(one.slug))
def test_a_built_in_lets_out_what_its_mapping_names_and_nothing_else(loaded: Any) -> None:
    sent, _ = planted()
    event = Event("0" * 32, "Purchase", sent.pop("distinct_id"), 1, 1, **sent)
    person = {name: value for name, value in sent["user_properties"].items()}  # noqa: C416
    context = context_of(event, Visitor(canary("visitor.id"), canary("visitor.external_id"), "a" * 64, person))
    examples = settings_of(loaded.slug)
    config = Config(name="Default", settings=examples, events=("*",), mapping={})
    made = side(1, loaded.plugin, config, ())
    row = type("Row", (), {"id": event.id, "name": event.name, "kind": "track", "mode": "live", "source_id": 1,
                           "received_at": 1})  # fmt: skip
    verdict = made.judge(row, context)
    named = [path for _, path in made.target.mapping.default.paths()]
    allowed = set().union(*(in_(path.take(context)) for path in named)) | in_(event.distinct_id)
    assert in_((verdict.request, verdict.fields)) <= allowed
    if loaded.plugin.category in HASHED_ONLY:
        hidden = set().union(*(in_(path.take(context)) for path in named if is_sensitive(path)))
        assert in_(verdict.request) & hidden == set()


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """Every line that is logged meanwhile, of whatever level."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    log.configure("DEBUG", "json")
    handler = Keep()
    logging.getLogger().addHandler(handler)
    yield lines
    logging.getLogger().removeHandler(handler)
    log.configure("WARNING", "text")


def test_what_was_planted_shows_nowhere_in_clear(
    here: Ours,
    browser_of: Callable[[str], Browser],
    heard: list[str],
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    sent, paths = planted()
    with Receiver() as receiver:
        receiver.answer(422, body=b'{"error": "no"}')
        mapping = {"everything": "{{event.event_properties}} {{visitor.email}} {{visitor.first_name}} {{visitor.zip}}"}
        here.destinations.add("webhook", "Hook", {"url": receiver.url}, events=["*"], mapping=mapping, actor="cli")
        source = here.sources.add("Shop", actor="cli")
        caller = here.accept.authenticate(source.live_key)
        assert caller
        item = Incoming(name="Purchase", occurred_at=clock.now_ms(), **sent)
        event_id = here.accept.accept(caller, [item])[0].event_id
        while here.route.run():
            pass
        here.deliver.drain(threading.Event(), 10)
        left = receiver.requests[-1].body
    assert {canary("value"), canary("visitor.first_name")} <= found_in(left)
    personal = {name: paths[f"visitor.{name}"] for name in ("first_name", "last_name", "zip", "city", "date_of_birth")}
    viewer = browser_of("viewer")
    assert [name for name, value in personal.items() if value in browser_of("admin").page("/audit")] == []
    for page in (
        "/",
        "/events",
        f"/events/{event_id}",
        f"/events/{event_id}/explain",
        "/history",
        "/destinations/1",
    ):
        text = viewer.page(page)
        assert [name for name, value in personal.items() if value in text] == [], page
        assert f"{canary('visitor.email')}@example.com" not in text, page
    out, err = capfd.readouterr()
    assert in_((heard, out, err)) == set()
    here.store.close()
    for file in here.settings.home.rglob("*"):
        if file.is_file():
            assert found_in(file.read_bytes()) == set(), file.name


def test_guarded_categories_are_those_that_need_an_agreement() -> None:
    assert HASHED_ONLY < GUARDED
