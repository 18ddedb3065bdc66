"""Whatever strangers send, every page stays intact: nothing of it becomes markup, and nothing breaks."""

from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from flask import Flask
from pyotp import TOTP

from ours import clock
from ours.bootstrap import Ours
from ours.resources import folder
from ours.services.people import codes
from ours.services.rules import Rule
from ours.web import create_app
from tests.receiver import Receiver
from tests.web.show.conftest import PASSWORD, Browser

SCRIPT = "<script>alert(1)</script>"
BREAKOUT = "\"'></textarea></pre></title><img src=x onerror=alert(1)>{{7*7}}{% raw %}"
RTL = "\u202eevil\u202c مرحبا שלום"
EMOJI = "👩‍👩‍👧‍👦🏴󠁧󠁢󠁳󠁣󠁴󠁿"
LONG = "L" * 10_000
NASTY = (SCRIPT, BREAKOUT, RTL, EMOJI, LONG, "\x1b[31m", "&lt;b&gt;", "=cmd|' /C calc'!A0")


@pytest.fixture
def app(here: Ours) -> Flask:
    """One of its own, which has loaded no template yet."""
    return create_app(here)


class Page(HTMLParser):
    """Notes every element that our templates would not write."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.foreign: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        ours = (given.get("src") or "").startswith("/static/")
        if tag in {"img", "iframe", "style", "object", "base"} or (tag == "script" and not ours):
            self.foreign.append(tag)
        self.foreign += [name for name in given if name.startswith("on") or name == "style"]


@pytest.fixture
def event_ids(here: Ours, receiver: Receiver, send: Callable[..., str], work: Callable[[], None]) -> list[str]:
    """A house full of it: sources, destinations, events with all they carry, answers, plugins, people."""
    here.settings.plugins_dir.mkdir()
    (here.settings.plugins_dir / "x.py").write_text(f"raise ValueError({SCRIPT + BREAKOUT!r})\n")
    receiver.answer(400, body=(SCRIPT + BREAKOUT + LONG).encode())
    names = [name[:200] for name in (SCRIPT, BREAKOUT, EMOJI, LONG) if name[:200].isprintable()]
    for name in names:
        here.sources.add(name, actor="cli")
        fixed = BREAKOUT.replace("{", "(").replace("}", ")")
        mapping = {"field": "{{event.event_properties.deep}}", SCRIPT: fixed}
        here.destinations.add("webhook", name, {"url": receiver.url}, events=["*"], mapping=mapping, actor="cli")
    said = {"condition": {"property": "event.event", "operator": "Is", "value": BREAKOUT}}
    here.governance.add(Rule(name=SCRIPT[:80], note=BREAKOUT, covers=[1], logic=said), why=SCRIPT, actor="cli")
    here.destinations.add("webhook", "Some", {"url": receiver.url}, events=[SCRIPT, BREAKOUT, LONG[:1000]], actor="cli")
    ids = [send(name, mode, **_carried(name)) for name in NASTY for mode in ("live", "test")]
    work()
    return ids


def _carried(text: str) -> dict[str, Any]:
    bag = {text[:500]: text, "deep": {"list": [text, {text[:100]: [text]}], "n": None, "b": True, "f": 1e300}}
    return {
        "occurred_at": clock.now_ms(),
        "distinct_id": text[:380] + "live",
        "external_id": text[:400],
        "email_sha256": "0" * 64,
        "event_properties": bag,
        "user_properties": {"first_name": text, "custom_properties": bag},
        "default_properties": {"url": text},
        "identity_context": {"ip": text, "userAgent": text},
    }


def _pages(here: Ours, event_ids: list[str]) -> Iterator[str]:
    yield from (
        "/",
        "/events",
        "/dispatches",
        "/dispatches/replay",
        "/replays",
        "/sources",
        "/destinations",
        "/destinations/add",
        "/destinations/add/webhook",
    )
    yield from (
        "/destinations/add/file",
        "/plugins",
        "/playground",
        "/people",
        "/people/1/remove",
        "/audit",
        "/password",
        "/second-factor",
        "/reference",
        "/tokens",
        "/settings",
        "/visitors",
        "/allow",
        "/governance",
        "/governance/rule",
        "/governance/rule?id=1",
        "/history",
        "/history/governance/1",
        "/history/destination 1/1",
        "/fields?path=event.event",
    )
    yield "/install/1/live/first"
    for event_id in event_ids:
        yield from (f"/events/{event_id}", f"/events/{event_id}/dispatches", f"/events/{event_id}/explain")
    for found in here.visitors.find("u1", "userId", actor="cli"):
        yield from (f"/visitors/{found.id}", f"/visitors/{found.id}/forget")
    for source in here.sources.list():
        yield from (f"/sources/{source.id}", f"/sources/{source.id}/delete", f"/install?source={source.id}")
    for one in here.destinations.list():
        yield from (f"/destinations/{one.id}{rest}" for rest in ("", "/edit", "/off", "/mapping", "/mapping/case"))


def _intact(answer: Any) -> None:
    page = answer.get_data(as_text=True)
    assert SCRIPT not in page
    assert "<img" not in page
    assert "49{%" not in page  # what looks like a template is not run
    assert Page(page).foreign == []


def _sign_in_with_a_code(stranger: Browser, here: Ours) -> None:
    person, given = here.people.add("code@example.com", "viewer", actor="cli")
    here.people.change_password(person.id, given, PASSWORD)
    secret = codes.new_secret()
    _, recovery = here.second_factors.set(person.id, secret, password=PASSWORD, code=TOTP(secret).now())
    _intact(stranger.sign_in(person.email))
    _intact(stranger.post("/sign-in/code", code=SCRIPT))
    _intact(stranger.post("/sign-in/code", code=recovery[0]))
    _intact(stranger.get("/second-factor"))
    _intact(stranger.post("/second-factor/recovery", code=recovery[1]))


def test_every_page_stays_intact_and_every_template_was_among_them(
    app: Flask, admin: Browser, stranger: Browser, here: Ours, event_ids: list[str]
) -> None:
    for path in _pages(here, event_ids):
        answer = admin.get(path)
        assert answer.status_code == 200, path
        _intact(answer)
    for path in ("/events/rows", "/sign-in", "/nowhere"):
        _intact(admin.get(path))
    (found, *_) = here.visitors.find("u1", "userId", actor="cli")
    _intact(admin.post(f"/visitors/{found.id}/forget"))
    _sign_in_with_a_code(stranger, here)
    there = {path.relative_to(folder("templates")).as_posix() for path in folder("templates").rglob("*.html")}
    # What the pages extend, include and import is among what was loaded: a template without a page here is missed.
    assert {template.name for template in (app.jinja_env.cache or {}).values()} == there


@pytest.mark.parametrize("text", NASTY)
def test_what_is_typed_comes_back_as_text(admin: Browser, stranger: Browser, here: Ours, text: str) -> None:
    here.sources.add("Shop", actor="cli")
    key = here.sources.keys(1)[0].id
    _intact(stranger.sign_in(text, text))
    _intact(admin.post("/sources/add", name=text))
    _intact(admin.post("/people/add", email=text, role=text))
    _intact(admin.post("/tokens/add", name=text, scope=text, days=text))
    _intact(admin.post("/tokens/add", name=text, scope="balance:read"))
    _intact(admin.post("/visitors", identifier=text, kind=text))
    _intact(admin.post("/visitors", identifier=text))
    _intact(admin.post("/events/find", who=text))
    _intact(admin.get("/audit", query_string={"actor": text, "verb": text, "subject": text}))
    _intact(admin.post("/playground", key=key, endpoint="track", body=text))
    _intact(admin.get("/events", query_string={"name": text, "source": text, "visitor": text}))
    form = {"name": text, "settings.url": text, "settings.headers": text, "choice": "these", "names": text}
    _intact(admin.post("/destinations/add/webhook", **form, map_field=text, map_template=text))
    _intact(admin.get("/audit"))


def test_a_very_large_bag_is_cut_on_the_page_and_not_in_the_json(admin: Browser, send: Callable[..., str]) -> None:
    event_id = send(event_properties={f"p{number}": number for number in range(2_000)})
    page = admin.page(f"/events/{event_id}")
    assert "There is more: see the JSON." in page
    assert "&#34;p1999&#34;: 1999" in page
