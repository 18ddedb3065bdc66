"""What can't be opened is said in one sentence at the terminal, in the place of what it holds."""

import threading

import pytest

from ours.bootstrap import Ours
from ours.core.incoming import Incoming
from ours.store import Sealer
from ours.store.queries import sealed
from tests.cli.conftest import Terminal
from tests.services.exports import whole

OTHER = Sealer((b"another key, of thirty-two bytes",))
KEY_ID = OTHER.key_ids[0]
WORDS = f"It can't be opened: its secret key {KEY_ID} is not in OURS_SECRET_KEYS."


@pytest.fixture
def ids(ours: Ours) -> list[str]:
    """Two test events of two visitors, delivered to the sink, the older first."""
    ours.destinations.add("webhook", "Hook", {"url": "https://example.com/hook"}, events=["*"], actor="cli")
    caller = ours.accept.authenticate(ours.sources.add("Shop", actor="cli").test_key)
    assert caller
    items = [Incoming(name="Purchase", occurred_at=number, user_id=f"u{number}", distinct_id=f"order-{number}",
                      event_properties={"plan": "gold"}) for number in (1, 2)]  # fmt: skip
    made = [receipt.event_id for receipt in ours.accept.accept(caller, items)]
    ours.route.run()
    ours.deliver.drain(threading.Event())
    return made


def lose(ours: Ours, name: str, *keys: object) -> None:
    shelf = next(one for one in sealed.SHELVES if one.name == name)
    with ours.store.write() as connection:
        found = [one for one in sealed.page(connection, shelf, None, 1000) if not keys or one.key[0] in keys]
        anew = [(one, OTHER.seal(ours.store.sealer.open(one.value, one.bound), one.bound)) for one in found]
        assert sealed.replace(connection, shelf, anew) == len(found) > 0


def test_events_around_it_are_listed_and_shown(terminal: Terminal, ours: Ours, ids: list[str]) -> None:
    lose(ours, "events", ids[0])
    newer, older = terminal.json("event", "list")
    assert (newer["distinctId"], older["distinctId"], older["unopened"]) == ("order-2", None, WORDS)
    assert "unopened" not in newer
    shown = terminal.json("event", "show", ids[0])
    assert (shown["unopened"], shown["eventProperties"]) == (WORDS, {})
    assert terminal.text("event", "list").count("Purchase") == 2


def test_a_dispatch_says_that_its_request_cannot_be_opened(terminal: Terminal, ours: Ours, ids: list[str]) -> None:
    lose(ours, "attempts")
    dispatch = terminal.json("event", "show", ids[0])["dispatches"][0]["id"]
    (attempt,) = terminal.json("dispatch", "show", dispatch)["attempts"]
    assert (attempt["request"], attempt["unopened"], attempt["outcome"]) == (None, WORDS, "sunk")


def test_explaining_it_is_refused_in_one_sentence(terminal: Terminal, ours: Ours, ids: list[str]) -> None:
    lose(ours, "events", ids[0])
    result = terminal.run("explain", ids[0])
    assert result.exit_code == 1
    assert result.stderr.strip() == (
        f"Error: A stored value can't be opened: its secret key {KEY_ID} is not in OURS_SECRET_KEYS."
        " Add the old key to the ring."
    )
    assert terminal.json("explain", ids[1])


def test_previews_and_checks_look_at_the_others(terminal: Terminal, ours: Ours, ids: list[str]) -> None:
    lose(ours, "events", ids[0])
    assert ours.preview.destination(1, name="Other").events == 1
    assert ours.check.run() == []
    assert ours.explain.field("event.event_properties.plan")


def test_a_visitor_is_exported_with_what_can_be_opened(terminal: Terminal, ours: Ours, ids: list[str]) -> None:
    lose(ours, "events", ids[0])
    lose(ours, "attempts")
    visitor = ours.overview.event(ids[0]).row.visitor_id
    assert visitor
    document = whole(ours.visitors.export(visitor, actor="cli"))
    assert document["visitors"][0]["visitorId"] == "u1"
    assert document["events"][0]["unopened"] == WORDS
    lose(ours, "visitors")
    assert whole(ours.visitors.export(visitor, actor="cli"))["visitors"][0]["unopened"] == WORDS
    assert terminal.json("visitor", "show", "u1")[0]["unopened"] == WORDS


def test_somebody_may_be_forgotten_whose_events_cannot_be_opened(ours: Ours, ids: list[str]) -> None:
    """Nor does an event wait for it of which nobody knows whose it is."""
    caller = ours.accept.authenticate(ours.sources.add("Other", actor="cli").live_key)
    assert caller
    stray = ours.accept.accept(caller, [Incoming(name="Lead", occurred_at=1, user_id="u3")])[0].event_id
    lose(ours, "events", ids[0], stray)
    lose(ours, "visitors")
    visitor = ours.overview.event(ids[0]).row.visitor_id
    assert visitor
    assert ours.visitors.forget(visitor, actor="cli").events == 1


def test_destinations_and_keys_are_listed_all_the_same(terminal: Terminal, ours: Ours, ids: list[str]) -> None:
    assert ids
    lose(ours, "destinations")
    lose(ours, "keys")
    assert terminal.json("destination", "show", "Hook")["unopened"] == WORDS
    assert terminal.json("destination", "list")[0]["unopened"] == WORDS
    assert {key["key"] for key in terminal.json("source", "show", "Shop")["keys"]} == {WORDS}
    assert terminal.run("destination", "update", "Hook", "--name", "Other").exit_code == 1


def test_the_doctor_counts_what_waits(terminal: Terminal, ours: Ours, ids: list[str]) -> None:
    assert ids
    caller = ours.accept.authenticate(ours.sources.add("Other", actor="cli").live_key)
    assert caller
    lose(ours, "events", ours.accept.accept(caller, [Incoming(name="Lead", occurred_at=1, user_id="u3")])[0].event_id)
    ours.route.run()
    said = [one for one in terminal.json("doctor", status=1) if one["name"] == "secret keys"]
    words = f"1 event can't be opened: its secret key {KEY_ID} is not in OURS_SECRET_KEYS."
    assert words in [one["message"] for one in said]
