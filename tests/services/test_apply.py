"""Configuration as a file: what is exported can be applied, twice is as once, and elsewhere it routes the same."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from ours.bootstrap import Ours
from ours.core.incoming import Incoming
from ours.errors import Invalid
from ours.services import targets
from ours.services.apply import Plan, dump, load
from ours.settings import Settings
from tests.conftest import ENGINES

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ENVIRON = {"HOOK_SECRET": SECRET, "HOOK_HEADERS_X_TEAM": "abc$1"}
FILE = """
ours: 1
sources:
  Shop: {}
  Old shop: {status: deactivated}
destinations:
  Hook:
    type: webhook
    status: on
    settings:
      url: https://example.com/hook?${TIER}=1&b=$${c}
      secret: ${HOOK_SECRET}
      headers: {X-Team: '${HOOK_HEADERS_X_TEAM}'}
    events: [Purchase, lead]
    mapping: {plan: '{{visitor.custom_properties.plan}}'}
    limits: {rate_limit: 50, retry_schedule: [1, 5]}
  Archive:
    type: file
    status: off
    settings: {folder: /var/lib/archive}
    events: ['*']
"""
Open = Callable[[str], Ours]


@pytest.fixture
def open_(
    make_settings: Callable[..., Settings], make_database_url: Callable[[str], str], tmp_path: Any
) -> Iterator[Open]:
    opened: list[Ours] = []

    def make(kind: str) -> Ours:
        url = make_database_url(kind) if kind == "postgresql" else ""
        opened.append(Ours(make_settings(home=tmp_path / f"home{len(opened)}", database_url=url)))
        opened[-1].prepare()
        return opened[-1]

    yield make
    for ours in opened:
        ours.close()


@pytest.fixture
def ours(open_: Open) -> Ours:
    return open_("sqlite")


def plan(ours: Ours, text: str, environ: Mapping[str, str] = ENVIRON, **how: bool) -> Plan:
    return ours.configuration.plan(load(text), {"TIER": "a", **environ}, **how)


def lines(made: Plan) -> list[str]:
    return [f"{one.verb} {one.name}: {detail}" for one in made.changes for detail in one.details]


def sunk(ours: Ours) -> list[dict[str, Any]]:
    """What would leave for a test event, but for what differs by its nature."""
    source = ours.sources.find("Shop")
    key = next(key.text.reveal() for key in ours.sources.keys(source.id) if key.mode == "test")
    caller = ours.accept.authenticate(key)
    assert caller
    ours.accept.accept(caller, [Incoming(name="LEAD", occurred_at=1, user_id="u1", event_properties={"amount": 1})])
    ours.route.run()
    ours.deliver.drain(threading.Event(), 10)
    listed = ours.overview.events_json()
    tries = [ours.overview.dispatch_json(one["id"])["attempts"] for one in listed[0]["dispatches"] if one["id"]]
    requests = [attempt["request"] for one in tries for attempt in one]
    for request in requests:
        request["body"] = request["body"].replace(listed[0]["id"], "ID").replace(listed[0]["distinctId"], "ID")
        request["headers"] = {k: v for k, v in request["headers"].items() if not k.lower().startswith("webhook-")}
        request["body"] = {k: v for k, v in json.loads(request["body"]).items() if k != "timestamp"}
    return requests


def test_a_file_is_applied_and_the_second_time_changes_nothing(ours: Ours) -> None:
    first = plan(ours, FILE)
    assert [(one.verb, one.what, one.name) for one in first.changes] == [
        ("add", "source", "Shop"), ("add", "source", "Old shop"),
        ("add", "destination", "Hook"), ("add", "destination", "Archive"),
    ]  # fmt: skip
    assert ours.sources.list() == []  # planning changes nothing
    first.make("cli")
    hook, archive = ours.destinations.list()
    assert ours.destinations.kept(hook.id) == {
        "url": "https://example.com/hook?a=1&b=${c}", "secret": SECRET, "headers": {"X-Team": "abc$1"},
    }  # fmt: skip
    assert (hook.status, archive.status) == ("on", "off")
    assert hook.limits.rate_limit == 50
    assert plan(ours, FILE).changes == []
    assert plan(ours, dump(ours.configuration.export())).changes == []


@pytest.mark.parametrize("kind", ENGINES)
def test_an_export_makes_a_fresh_installation_route_the_same(ours: Ours, kind: str, open_: Open) -> None:
    plan(ours, FILE).make("cli")
    text = dump(ours.configuration.export(references=True))
    assert SECRET not in text
    assert "abc$1" not in text
    other = open_(kind)
    plan(other, text).make("cli")
    assert dump(other.configuration.export(references=True)) == text
    with ours.store.read() as here, other.store.read() as there:
        assert targets.current(here, ours.registry) == targets.current(there, other.registry)
    assert sunk(ours) == sunk(other) != []


def test_a_change_is_told_without_its_secrets_and_leaves_the_rest_alone(ours: Ours) -> None:
    plan(ours, FILE).make("cli")
    changed = (
        FILE.replace("X-Team", "X-Group")
        .replace("[Purchase, lead]", "[Purchase]")
        .replace("status: off", "status: paused")
    )
    changed = changed.replace("rate_limit: 50", "rate_limit: 5").replace("/hook?", "/other?").replace("plan:", "tier:")
    made = plan(ours, changed, ENVIRON | {"HOOK_SECRET": SECRET[:-4] + "AAAA"})
    assert lines(made) == [
        "change Hook: settings.headers changes",
        "change Hook: settings.secret changes",
        'change Hook: settings.url: "https://example.com/hook?a=1&b=${c}" → "https://example.com/other?a=1&b=${c}"',
        'change Hook: events: ["Purchase","lead"] → ["Purchase"]',
        'change Hook: mapping.plan: "{{visitor.custom_properties.plan}}" → –',
        'change Hook: mapping.tier: – → "{{visitor.custom_properties.plan}}"',
        "change Hook: limits.rate_limit: 50.0 → 5",
        "change Archive: status: off → paused",
    ]
    made.make("cli")
    hook, archive = ours.destinations.list()
    assert ours.destinations.kept(hook.id)["headers"] == {"X-Group": "abc$1"}
    assert archive.status == "paused"
    assert plan(ours, changed, ENVIRON | {"HOOK_SECRET": SECRET[:-4] + "AAAA"}).changes == []


def test_keep_leaves_a_secret_and_needs_one(ours: Ours) -> None:
    kept = FILE.replace("${HOOK_SECRET}", "!keep")
    with pytest.raises(Invalid, match=r'"Hook" has nothing yet that !keep could keep'):
        plan(ours, kept)
    plan(ours, FILE).make("cli")
    assert plan(ours, kept).changes == []


def test_what_is_not_named_is_left_alone_unless_it_is_to_be_pruned(ours: Ours) -> None:
    plan(ours, FILE).make("cli")
    rest = "ours: 1\nsources: {}\ndestinations: {}\n"
    assert plan(ours, rest).changes == []
    assert plan(ours, "ours: 1\n", prune=True).changes == []
    pruned = plan(ours, rest, prune=True)
    assert lines(pruned) == ["off Shop: status: active → deactivated", "off Hook: status: on → off"]
    pruned.make("cli")
    assert [one.status for one in ours.destinations.list()] == ["off", "off"]


def test_a_destination_that_paused_itself_is_not_resumed(ours: Ours) -> None:
    plan(ours, FILE).make("cli")
    from ours.store.queries import destinations

    with ours.store.write() as connection:
        destinations.change(connection, 1, {"status": "paused", "paused_for": "auth_failed"})
    assert plan(ours, FILE).changes == []
    assert ours.configuration.export()["destinations"]["Hook"]["status"] == "on"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("ours: 2", "ours: 1"),
        ("sources: {}", "ours: 1"),
        ("ours: 1\nrules: {}", 'no section "rules"'),
        ("ours: 1\nsources: {A: {}, A: {}}", "stands twice"),
        ("ours: 1\nsources: {A: {colour: red}}", '"colour" is not known'),
        ("ours: 1\nsources: [A]", "must be a mapping"),
        ("ours: 1\ndestinations: {A: {type: nothing, events: []}}", 'no plugin "nothing"'),
        ("ours: 1\ndestinations: {A: {type: webhook, events: []}}", "settings.url"),
        ("ours: 1\ndestinations: {A: {type: webhook, settings: {url: '${NOPE}'}}}", "NOPE"),
        ("ours: 1\ndestinations: {A: {type: file, settings: {folder: /tmp/x}, status: maybe}}", "on, paused, off"),
        ("ours: 1\ndestinations: {A: {type: file, settings: {folder: /tmp/x}, mapping: {a: '{{'}}}", "mapping"),
        ("ours: [1", "can't be read"),
    ],
)
def test_a_file_that_can_not_be_changes_nothing_and_says_why(ours: Ours, wrong: str, sentence: str) -> None:
    with pytest.raises(Invalid) as caught:
        plan(ours, wrong).make("cli")
    assert sentence in str(caught.value)
    assert ours.sources.list() == []
