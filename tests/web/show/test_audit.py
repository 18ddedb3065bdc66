"""The audit log: narrowed by who, what, of what and when; and from an entry to what it is about."""

import re
from collections.abc import Callable
from html import unescape

import pytest

from ours import clock
from ours.bootstrap import Ours
from ours.core.deeds import VERBS
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
    return [re.sub("<[^>]+>", "", one) for one in re.findall(r'data-label="To">(.*?)</td>', page)]


def test_the_verbs_there_are_can_be_chosen(browser_of: Callable[[str], Browser], log: str) -> None:
    viewer = browser_of("viewer")
    offered = re.findall(r"<option(?: selected)?>([^<]+)</option>", viewer.page("/audit?verb=read"))
    assert offered == sorted(VERBS)
    assert _subjects(viewer.page("/audit?verb=read")) == [f"event {log}"]
    assert "<option selected>burn</option>" in viewer.page("/audit?verb=burn")


def test_a_window_of_time_narrows_it_and_is_repeated_where_nothing_fits(
    browser_of: Callable[[str], Browser], log: str
) -> None:
    viewer = browser_of("viewer")
    edge = (clock.iso(clock.now_ms() - clock.HOUR) or "")[:16]
    assert f"event {log}" in _subjects(viewer.page(f"/audit?from={edge}"))
    nothing = viewer.page(f"/audit?to={edge}")
    assert _subjects(nothing) == []
    assert f"until before {edge.replace('T', ' ')}:00 UTC." in re.sub("<[^>]+>", "", nothing)
    assert viewer.get("/audit?from=0001-01-01T00:00&to=9999-12-31T23:59").status_code == 200


@pytest.mark.parametrize(("role", "people"), [("admin", True), ("editor", False)])
def test_an_entry_leads_to_what_it_is_about(
    browser_of: Callable[[str], Browser], request: pytest.FixtureRequest, log: str, role: str, people: bool
) -> None:
    browser: Browser = request.getfixturevalue(role)
    found = re.findall(r'data-label="To"><a href="([^"]+)">([^<]+)</a>', browser.page("/audit"))
    addresses = {unescape(subject): address for address, subject in found}
    assert addresses[f"event {log}"] == f"/events/{log}"
    assert (addresses["source 1"], addresses["destination 1"]) == ("/sources/1", "/destinations/1")
    assert ("/people" in addresses.values()) is people
    for address in addresses.values():
        browser.page(address)
