"""A destination that was removed: what is still said of it, and what is no longer offered."""

import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from ours.bootstrap import Ours
from ours.services.actors import Actor
from ours.services.replay import Filter
from ours.store.tables import dispatches
from tests.receiver import Receiver
from tests.web.show.conftest import Browser


@pytest.fixture
def event(here: Ours, send: Callable[..., str], work: Callable[[], None]) -> str:
    """One that the destination "Old CRM" refused before grace removed it; and it had been changed once."""
    with Receiver() as receiver:
        receiver.answer(422)
        here.destinations.add("webhook", "Old CRM", {"url": receiver.url}, events=["Purchase"], actor="cli")
        sent = send()
        work()
    here.destinations.update(1, mapping={"plan": "gold"}, actor="cli")
    here.destinations.update(1, settings={"url": "https://example.com/other"}, actor="cli")
    here.destinations.remove(1, actor=Actor("grace@example.com", "editor"))
    return sent


def test_its_page_says_who_removed_it_and_when(event: str, editor: Browser) -> None:
    page = editor.page("/destinations/1")
    assert re.search(r"Removed by <b>grace@example\.com</b>, <time", page)
    assert "Allowed events" in page


@pytest.mark.parametrize(
    "path", ["/destinations/1", "/history", "/history?of=destination 1", "/history/destination 2/1", "/replays"]
)
def test_a_viewer_is_not_told_the_email_of_whoever_did_it(
    event: str, here: Ours, browser_of: Callable[[str], Browser], path: str
) -> None:
    grace = Actor("grace@example.com", "editor")
    here.destinations.add("webhook", "New CRM", {"url": "https://example.com"}, events=[], actor=grace)
    here.paced_replays.start(Filter(), actor=grace)
    assert "grace@example.com" in browser_of("editor").page(path)
    page = browser_of("viewer").page(path)
    assert "grace" not in page
    assert "g•••@e•••.com" in page


@pytest.mark.parametrize("form", ["edit", "mapping", "mapping/case", "pause", "remove"])
def test_its_forms_lead_to_its_page(event: str, editor: Browser, form: str) -> None:
    answer = editor.get(f"/destinations/1/{form}")
    assert (answer.status_code, answer.location) == (302, "/destinations/1")
    if form != "pause":
        assert editor.post(f"/destinations/1/{form}", follow=False).location == "/destinations/1"


def test_its_versions_keep_its_name_and_offer_no_way_back(event: str, editor: Browser) -> None:
    for path in ("/history", "/history?of=destination 1", "/history/destination 1/1"):
        assert "Old CRM (removed)" in editor.page(path)
    assert 'value="destination 1" selected' in editor.page("/history?of=destination 1")
    assert "No results" in editor.page("/history?of=destination 99")
    version = editor.page("/history/destination 1/1")
    assert "mapping.plan" in version
    assert "Roll back to version" not in version
    assert "which is in force" not in version
    assert "At most its settings, which were erased" in editor.page("/history/destination 1/3")
    assert "was removed for good" in editor.post("/history/destination 1/1/restore").text


def test_nothing_is_sent_to_it_again(event: str, editor: Browser) -> None:
    page = editor.page(f"/events/{event}")
    assert "Its destination was permanently removed" in page
    assert "<button>Replay</button>" not in page
    listed = editor.page("/dispatches?destination=1")
    assert '<option value="1" selected>Old CRM (removed)</option>' in listed
    assert "Replay all matches" not in listed
    asked = editor.page("/dispatches/replay?destination=1")
    assert "<dd>Old CRM (removed)</dd>" in asked
    assert "1: There is no such destination, or it was removed for good." in asked
    assert "Held dispatches are sent automatically" not in asked


def test_nor_to_one_that_is_off_until_it_is_on(here: Ours, editor: Browser, send: Callable[..., str]) -> None:
    here.destinations.add("webhook", "Hook", {"url": "https://example.com/"}, events=["*"], actor="cli")
    here.destinations.turn_off(1, actor="cli")
    sent = send()
    here.route.run()
    page = editor.page(f"/events/{sent}")
    assert "Its destination is off. Turn it on to send this again." in page
    assert "<button>Replay</button>" not in page
    with here.store.write() as connection:
        connection.execute(sa.update(dispatches).values(state="delivered", reason=None))
    assert "Its destination is off" not in editor.page(f"/events/{sent}")  # what arrived need not be sent again
    here.destinations.turn_on(1, actor="cli")
    assert "<button>Replay</button>" in editor.page(f"/events/{sent}")


def test_whoever_asks_for_it_all_the_same_is_told_so_and_led_back(event: str, here: Ours, editor: Browser) -> None:
    dispatch = here.overview.event(event).dispatches[0].id
    editor.client.environ_base["HTTP_REFERER"] = f"http://localhost/events/{event}"
    refused = editor.post(f"/dispatches/{dispatch}/replay")
    assert refused.status_code == 400
    assert "<h1>That can&#39;t be done</h1>" in refused.text
    assert f'href="/events/{event}">Back</a>' in refused.text


def test_a_filter_says_what_it_asks_for_though_that_is_gone(event: str, editor: Browser, here: Ours) -> None:
    """What the form did not say was dropped by the next filter that was chosen in it."""
    here.destinations.add("webhook", "New CRM", {"url": "https://example.com/"}, events=[], actor="cli")
    assert '<optgroup label="Removed"><option value="1" selected>Old CRM' in editor.page("/dispatches?destination=1")
    assert '<option value="99" selected>no such destination</option>' in editor.page("/events?destination=99")
    source = here.sources.list()[0]
    here.sources.delete(source.id, actor="cli")
    kept = editor.page(f"/events?source={source.id}")
    assert f'<option value="{source.id}" selected>{source.name} (deleted)</option>' in kept
    assert '<option value="99" selected>no such source</option>' in editor.page("/events?source=99")
