"""What can't be opened is said so in its place, to whoever asks for it, and everything around it is shown as ever."""

import threading
from collections.abc import Callable, Sequence

import pytest

from ours.bootstrap import Ours
from ours.store import Sealer
from ours.store.queries import sealed
from tests.web.show.conftest import Browser

OTHER = Sealer((b"another key, of thirty-two bytes",))
WORDS = f"its secret key {OTHER.key_ids[0]} is not in OURS_SECRET_KEYS"
PAGES = (
    "/", "/events", "/events?property=plan%3Dgold", "/dispatches", "/destinations", "/destinations/1", "/sources",
    "/sources/1", "/visitors", "/playground", "/install", "/history", "/fields?path=event.event_properties.plan",
    "/events.csv", "/events.json", "/rules", "/governance", "/alerts", "/plugins", "/settings",
)  # fmt: skip


@pytest.fixture
def one(here: Ours, send: Callable[..., str]) -> str:
    """A test event with its visitor and what would have been sent; its id."""
    here.destinations.add("webhook", "Hook", {"url": "https://example.com/secret-path"}, events=["*"], actor="cli")
    event_id = send(mode="test", user_id="jane@example.com", event_properties={"plan": "gold"})
    here.route.run()
    here.deliver.drain(threading.Event())
    return event_id


def lose(here: Ours, *names: str) -> None:
    for shelf in sealed.SHELVES:
        if shelf.name in names:
            with here.store.write() as connection:
                found = sealed.page(connection, shelf, None, 1000)
                anew = [
                    (each, OTHER.seal(here.store.sealer.open(each.value, each.bound), each.bound)) for each in found
                ]
                assert sealed.replace(connection, shelf, anew) == len(found) > 0


def whose(here: Ours, event_id: str) -> str:
    return str(here.overview.event(event_id).row.visitor_id)


@pytest.mark.parametrize("name", ["events", "visitors", "attempts", "destinations", "keys", "versions"])
def test_no_page_breaks(here: Ours, admin: Browser, one: str, name: str) -> None:
    visitor = whose(here, one)
    lose(here, name)
    there = [path for path in PAGES if admin.get(path, follow_redirects=True).status_code != 404]
    assert len(there) > 12
    for path in (*there, f"/events/{one}", f"/events/{one}/dispatches", f"/visitors/{visitor}"):
        answer = admin.get(path, follow_redirects=True)
        assert answer.status_code == 200, (path, answer.status)


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("events", ["/events/{event}"]),
        ("visitors", ["/events/{event}", "/visitors/{visitor}"]),
        ("attempts", ["/events/{event}"]),
        ("destinations", ["/destinations/1"]),
        ("keys", ["/sources/1"]),
    ],
)
def test_the_page_says_which_key_it_needs(
    here: Ours, admin: Browser, one: str, name: str, paths: Sequence[str]
) -> None:
    visitor = whose(here, one)
    lose(here, name)
    for path in paths:
        assert WORDS in admin.page(path.format(event=one, visitor=visitor))


def test_what_asks_for_the_content_itself_gets_a_sentence(here: Ours, admin: Browser, one: str) -> None:
    lose(here, "events", "versions", "destinations")
    for path in (f"/events/{one}/explain", "/destinations/1/edit"):
        answer = admin.get(path)
        assert answer.status_code == 409, path
        assert WORDS in answer.get_data(as_text=True), path


def test_viewers_are_shown_no_request_that_nobody_could_mask(
    here: Ours, browser_of: Callable[[str], Browser], one: str
) -> None:
    """Whom it is about is what is masked; when that can't be opened, the request is kept from them as a whole."""
    viewer = browser_of("viewer")
    assert "example.com" in viewer.page(f"/events/{one}")
    lose(here, "visitors")
    page = viewer.page(f"/events/{one}")
    assert "secret-path" not in page
    assert "gold" in page  # its properties are there as ever
    assert WORDS in page


def test_no_request_is_shown_while_its_credentials_are_unknown(here: Ours, admin: Browser, one: str) -> None:
    lose(here, "destinations")
    page = admin.page(f"/events/{one}")
    assert "secret-path" not in page
    assert WORDS in page


def test_an_event_that_was_set_aside_says_so(here: Ours, admin: Browser, send: Callable[..., str]) -> None:
    event_id = send()
    lose(here, "events")
    here.route.run()
    assert "can&#39;t be opened" in admin.page("/events") or "can't be opened" in admin.page("/events")
    page = admin.page(f"/events/{event_id}")
    assert page.count(WORDS) == 1
    assert "It was set aside" in page
    assert "every 2s" not in page


def test_what_was_abandoned_says_so_and_offers_nothing_that_can_not_be(
    here: Ours, admin: Browser, send: Callable[..., str], work: Callable[[], None]
) -> None:
    here.destinations.add("webhook", "Hook", {"url": "https://example.com/"}, events=["*"], actor="cli")
    here.destinations.add("webhook", "Other", {"url": "https://example.com/"}, events=["Lead"], actor="cli")
    routed = send(mode="test")
    here.route.run()
    unrouted = send(mode="test")
    lose(here, "events")
    work()
    here.abandoning.run(f"key_missing:{OTHER.key_ids[0]}", actor="cli")
    words = f"Somebody abandoned it: the secret key {OTHER.key_ids[0]} that it needs was lost."
    page = admin.page(f"/events/{unrouted}")
    assert page.count(words) == 2  # of the event, and of its dispatch
    assert "The visitor is not known: the event was abandoned" in page
    assert "<button>Replay</button>" not in page
    assert "Send it now" not in page
    assert "resumes automatically" not in page
    page = admin.page(f"/events/{routed}")
    assert page.count(words) == 1
    assert "<button>Replay</button>" in page
    assert words in admin.page("/dispatches")
