"""A stored row that can't be opened harms only itself, and goes its way once its key is back."""

import threading

import pytest
import sqlalchemy as sa

from ours import log
from ours.services.alerts.noticing import notice
from ours.store import Sealer
from ours.store.queries import events as queries
from ours.store.tables import dispatches, events
from tests.receiver import Receiver
from tests.services.batching import batching
from tests.services.conftest import Place
from tests.services.losing import GONE, OTHER, aside, damage, lose_key, own_keys, ring, sweep, told
from tests.services.plans import SORTS, plans, statements
from tests.services.scripted import deliver, route_all, scripted, sweep_of


@pytest.mark.parametrize("together", [False, True], ids=["alone", "together"])
def test_a_dispatch_whose_event_cannot_be_opened_is_held_alone(
    place: Place, receiver: Receiver, together: bool
) -> None:
    if together:
        batching(place, receiver)
    else:
        place.webhook(receiver)
    ids = [place.track(user_id=f"u{number}").event_id for number in range(5)]
    route_all(place)
    lose_key(place, "events", ids[1])
    place.deliver.drain(threading.Event(), 20)
    assert place.states() == {"delivered": 4, "held": 1}
    assert told(place)[ids[1]] == ("held", GONE, 0)
    assert place.difference() == 0
    sweep(place)
    assert told(place)[ids[1]] == ("held", GONE, 0)
    ring(place, *own_keys(place), OTHER)
    sweep(place)
    place.work()
    assert place.states() == {"delivered": 5}
    assert told(place)[ids[1]] == ("delivered", None, 1)
    assert place.difference() == 0


def test_one_whose_visitor_cannot_be_opened_is_held_too(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver)
    ids = [place.track(user_id=f"u{number}").event_id for number in range(3)]
    route_all(place)
    with place.store.read() as connection:
        whose = connection.scalar(sa.select(events.c.visitor_id).where(events.c.id == ids[2]))
    lose_key(place, "visitors", whose)
    place.deliver.drain(threading.Event(), 20)
    assert place.states() == {"delivered": 2, "held": 1}
    assert told(place)[ids[2]] == ("held", GONE, 0)
    ring(place, *own_keys(place), OTHER)
    sweep(place)
    place.work()
    assert place.states() == {"delivered": 3}


def test_an_event_that_cannot_be_opened_keeps_nobody_behind_it(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver)
    ids = [place.track(user_id=f"u{number}").event_id for number in range(6)]
    lose_key(place, "events", *ids[:3])
    assert [place.route.run(2), place.route.run(2), place.route.run(2), place.route.run(2)] == [2, 2, 2, 0]
    assert place.states() == {"pending": 3}
    assert aside(place) == {GONE: 3}
    with place.store.read() as connection:
        assert not queries.any_unrouted(connection)  # nobody is poked for them
        assert queries.count_unrouted(connection) == 0  # nor is a sender refused because of them
        assert queries.oldest_unrouted(connection) is None
    place.work()
    sweep(place)
    assert (place.states(), aside(place), place.difference()) == ({"delivered": 3}, {GONE: 3}, 0)
    ring(place, *own_keys(place), OTHER)
    sweep(place)
    assert aside(place) == {}
    place.work()
    assert (place.states(), place.difference()) == ({"delivered": 6}, 0)
    with place.store.read() as connection:
        assert set(connection.scalars(sa.select(events.c.notes))) == {None}


def test_however_many_are_set_aside_what_waits_is_found_at_once(place: Place) -> None:
    with statements(place) as asked, place.store.read() as connection:
        queries.unrouted(connection, 10)
        queries.any_unrouted(connection)
        queries.oldest_unrouted(connection)
        queries.count_unrouted(connection)
        queries.aside(connection)
        queries.aside_after(connection, queries.FIRST_ASIDE, 10)
    found = plans(place, asked)
    assert len(found) == 6
    for plan in found:
        assert "ix_events_unrouted" in plan, plan
        assert "notes" in plan, plan
        assert not SORTS.search(plan), plan


def test_those_set_aside_are_gone_through_in_turn(place: Place) -> None:
    ids = sorted(place.track(user_id=f"u{number}").event_id for number in range(5))
    why = dict(zip(ids, ("damaged", GONE, "damaged", None, GONE), strict=True))
    with place.store.write() as connection:
        queries.set_aside(connection, {one: reason for one, reason in why.items() if reason})
    seen, after = [], queries.FIRST_ASIDE
    with place.store.read() as connection:
        while found := queries.aside_after(connection, after, 2):
            seen += found
            after = found[-1]
    assert seen == sorted((reason, one) for one, reason in why.items() if reason)


def test_an_event_whose_visitor_cannot_be_opened_waits_for_the_key(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver)
    place.identify(user_id="u1", user_properties={"plan": "gold"})
    place.work()
    lose_key(place, "visitors")
    place.track(user_id="u1")
    place.track(user_id="u2")
    place.work()
    assert (place.states(), aside(place), place.difference()) == ({"delivered": 1}, {GONE: 1}, 0)
    ring(place, *own_keys(place), OTHER)
    sweep(place)
    place.work()
    assert (place.states(), aside(place)) == ({"delivered": 2}, {})


def test_what_is_damaged_waits_and_is_tried_again_at_the_next_start(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver)
    early = place.track(user_id="u1").event_id
    route_all(place)
    late = place.track(user_id="u2").event_id
    plain = {one: opened(place, one) for one in (early, late)}
    damage(place, "events", early, late)
    place.work()
    assert told(place) == {early: ("held", "damaged", 0)}
    assert aside(place) == {"damaged": 1}
    running = sweep_of(place)
    running.run()
    place.work()
    assert told(place) == {early: ("held", "damaged", 0)}
    with place.store.write() as connection:
        for one, body in plain.items():
            payload = place.store.sealer.seal(body, f"events:{one}")
            connection.execute(sa.update(events).where(events.c.id == one).values(payload=payload))
    running.run()
    assert aside(place) == {"damaged": 1}  # not in every sweep
    sweep(place)
    place.work()
    assert {state for state, _, _ in told(place).values()} == {"delivered"}
    assert place.difference() == 0


def opened(place: Place, event_id: str) -> bytes:
    with place.store.read() as connection:
        sealed = connection.scalar(sa.select(events.c.payload).where(events.c.id == event_id))
    return place.store.sealer.open(sealed or b"", f"events:{event_id}")


def test_settings_that_cannot_be_opened_hold_what_their_destination_is_owed(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver, "One")
    two = place.webhook(receiver, "Two")
    lose_key(place, "destinations", two)
    place.track()
    place.work()
    assert place.states() == {"delivered": 1, "held": 1}
    ring(place, *own_keys(place), OTHER)
    sweep(place)
    place.work()
    assert place.states() == {"delivered": 2}


def test_a_ring_that_is_read_again_is_enough(place: Place, receiver: Receiver) -> None:
    """Of keys that lie in the data folder, one may be put back while all runs: the stations find it by themselves."""
    keys = own_keys(place)
    place.store.sealer = Sealer(keys, lambda: keys)
    ring_again = place.store.sealer
    place.begin_anew()
    two = place.webhook(receiver)
    place.track()
    route_all(place)
    lose_key(place, "destinations", two)
    place.deliver.drain(threading.Event(), 20)
    assert place.states() == {"held": 1}
    keys = (*keys, OTHER)
    ring_again._read_at = 0.0
    sweep(place)
    place.deliver.drain(threading.Event(), 20)
    assert place.states() == {"delivered": 1}


def test_one_that_is_damaged_holds_up_no_other_of_its_visitor(place: Place) -> None:
    place = scripted(place)
    destination = place.destinations.add("scripted", "Scripted", {}, events=["*"], actor="cli").id
    ids = [place.track().event_id for _ in range(3)]
    route_all(place)
    with place.store.write() as connection:
        whose = connection.scalar(sa.select(events.c.visitor_id).limit(1))
        connection.execute(sa.update(dispatches).values(lane=whose))
    damage(place, "events", ids[0])
    deliver(place)
    assert destination
    assert [told(place)[one][0] for one in ids] == ["held", "delivered", "delivered"]


def test_many_are_told_in_one_line(place: Place, receiver: Receiver, capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("WARNING", "text")
    place.webhook(receiver)
    for number in range(20):
        place.track(user_id=f"u{number}", event_properties={"diagnosis": "secret"})
    route_all(place)
    lose_key(place, "events")
    place.deliver.drain(threading.Event(), 20)
    said = [line for line in capsys.readouterr().err.splitlines() if "held" in line]
    assert len(said) == 1
    assert "20" in said[0]
    assert GONE in said[0]
    assert "diagnosis" not in said[0]


def test_what_waits_is_a_concern_until_it_is_gone(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver)
    held = [place.track(user_id=f"u{number}").event_id for number in range(2)]
    route_all(place)
    lose_key(place, "events", *held, place.track(user_id="u3").event_id)
    place.work()
    (concern,) = notice(place.store, place.registry, place.settings)
    assert (concern.kind, concern.subject) == ("unopened", GONE)
    assert concern.words.startswith("1 event and 2 dispatches can't be opened: their secret key ")
    assert GONE.removeprefix("key_missing:") in concern.words
    ring(place, *own_keys(place), OTHER)
    sweep(place)
    place.work()
    assert notice(place.store, place.registry, place.settings) == []
