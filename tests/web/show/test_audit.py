"""The audit log: narrowed by who, what, of what and when; and from an entry to what it is about."""

import re
from collections.abc import Callable
from html import unescape
from unittest import mock

import pytest

from ours import clock
from ours.bootstrap import Ours
from ours.core.deeds import VERBS
from ours.errors import Busy
from ours.services.tokens import SCOPES
from tests.web.show.conftest import Browser


@pytest.fixture
def log(here: Ours, editor: Browser, send: Callable[..., str]) -> str:
    """A source, a destination and a person are added, and an event is read."""
    here.destinations.add("webhook", "Hook", {"url": "https://example.com/"}, events=[], actor="cli")
    here.people.add("grace@example.com", "viewer", actor="cli")
    event_id = send()
    editor.page(f"/events/{event_id}")
    return event_id


def _subjects(page: str) -> list[str]:
    return [re.sub("<[^>]+>", "", one) for one in re.findall(r'data-label="Subject">(.*?)</td>', page)]


def test_the_verbs_there_are_can_be_chosen(browser_of: Callable[[str], Browser], log: str) -> None:
    admin = browser_of("admin")
    offered = re.findall(r'<option value="([^"]+)"(?: selected)?>\1</option>', admin.page("/audit?verb=read"))
    assert offered == sorted(VERBS)
    assert _subjects(admin.page("/audit?verb=read")) == [f"event {log}"]
    assert '<option value="burn" selected>burn</option>' in admin.page("/audit?verb=burn")


def test_a_window_of_time_narrows_it_and_is_repeated_where_nothing_fits(
    browser_of: Callable[[str], Browser], log: str
) -> None:
    admin = browser_of("admin")
    edge = (clock.iso(clock.now_ms() - clock.HOUR) or "")[:16]
    assert f"event {log}" in _subjects(admin.page(f"/audit?from={edge}"))
    nothing = admin.page(f"/audit?to={edge}")
    assert _subjects(nothing) == []
    assert f"until before {edge.replace('T', ' ')}:00 UTC." in re.sub("<[^>]+>", "", nothing)
    assert admin.get("/audit?from=0001-01-01T00:00&to=9999-12-31T23:59").status_code == 200
    assert "This list is not filtered by <code>to=soon</code>" in admin.page("/audit?to=soon")


def test_from_a_persons_data_it_is_one_step_to_who_has_looked(
    browser_of: Callable[[str], Browser], here: Ours, log: str
) -> None:
    here.route.run()
    visitor = here.overview.event(log).visitor
    assert visitor
    admin = browser_of("admin")
    step = re.search(r'<a href="([^"]+)">who else has looked', admin.page(f"/visitors/{visitor.id}"))
    assert step
    page = admin.page(unescape(step[1]))
    assert _subjects(page) == [f"visitor {visitor.id}", f"event {log}"]
    assert "Actions on the visitor’s events and their dispatches are listed too" in page
    assert "Actions on its dispatches are listed too" in admin.page(f"/audit?subject=event {log}")
    assert "who else has looked" in admin.page(f"/events/{log}")
    assert "who else has looked" not in browser_of("viewer").page(f"/events/{log}")


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_who_did_what_is_for_admins_alone_as_the_scope_says(browser_of: Callable[[str], Browser], role: str) -> None:
    browser = browser_of(role)
    assert browser.get("/audit").status_code == 403
    assert "/audit" not in browser.page("/")
    assert SCOPES["audit:read"].need.role == "admin"


def test_an_entry_names_its_source_or_destination_as_it_is_called_today(admin: Browser, here: Ours, log: str) -> None:
    here.destinations.update(1, name="Warehouse", actor="cli")
    told = _subjects(admin.page("/audit"))
    assert {"destination 1 Warehouse", f"source 1 {here.sources.get(1).name}"} <= set(told)
    assert _subjects(admin.page("/audit?subject=destination 1"))[-1] == "destination 1 Warehouse"


def test_an_entry_leads_to_what_it_is_about(admin: Browser, log: str) -> None:
    found = re.findall(r'data-label="Subject"><a href="([^"]+)">([^<]+)</a>', admin.page("/audit"))
    addresses = {unescape(subject): address for address, subject in found}
    assert addresses[f"event {log}"] == f"/events/{log}"
    assert (addresses["source 1"], addresses["destination 1"]) == ("/sources/1", "/destinations/1")
    assert "/people" in addresses.values()
    for address in addresses.values():
        admin.page(address)


@pytest.mark.parametrize("path", ["/sources/1", "/install?source=1&mode=test"])
def test_who_is_shown_keys_whole_is_written_down(browser_of: Callable[[str], Browser], here: Ours, path: str) -> None:
    made = here.sources.add("Shop", actor="cli")
    assert made.test_key not in browser_of("viewer").page(path)
    assert here.audit.latest("read", "source 1") is None
    page = browser_of("editor").page(path)
    assert made.test_key in page
    assert "The audit log records that you saw" in page
    entry = here.audit.latest("read", "source 1")
    assert entry
    assert entry.actor == "editor@example.com"


@pytest.mark.parametrize("path", ["/sources/1", "/install?source=1&mode=test"])
def test_while_that_can_not_be_written_down_the_page_shows_no_key_whole(
    editor: Browser, here: Ours, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = here.sources.add("Shop", actor="cli")
    monkeypatch.setattr(here.audit, "note_read", mock.Mock(side_effect=Busy("The database can't be written.")))
    page = editor.page(path)
    assert made.test_key not in page
    assert f"{made.test_key[:8]}…" in page
    assert "the database can't be written now" in unescape(page)


def test_who_sends_a_test_event_to_a_destination_is_written_down(editor: Browser, here: Ours) -> None:
    here.sources.add("Shop", actor="cli")
    here.destinations.add("webhook", "Hook", {"url": "https://example.com/"}, events=["*"], actor="cli")
    editor.post("/destinations/1/test", event="Purchase")
    entry = here.audit.latest("send", "source 1")
    assert entry
    assert (entry.actor, entry.detail["mode"]) == ("editor@example.com", "test")


def test_who_signs_out_is_written_down_and_is_out_even_if_that_can_not_be(
    browser_of: Callable[[str], Browser], here: Ours, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaving = browser_of("viewer")
    leaving.post("/sign-out")
    entry = here.audit.latest("sign_out", "person 1")
    assert entry
    assert entry.detail == {"email": "viewer@example.com"}
    other = browser_of("editor")
    monkeypatch.setattr(here.people, "sign_out", mock.Mock(side_effect=Busy("The database can't be written.")))
    assert other.post("/sign-out", follow=False).location == "/sign-in"
    assert other.get("/").status_code == 302
