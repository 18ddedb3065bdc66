"""The route station: one decision for every destination, in order of acceptance, by one router at a time."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
import sqlalchemy as sa

from ours.core import identity
from ours.core.identity import Book, Facts, Resolution
from ours.core.identity.custom import MOST_BYTES
from ours.errors import Busy
from ours.services.abandoning import Abandoning
from ours.services.alerts.noticing import notice
from ours.services.route import Route
from ours.store import Store
from ours.store.queries.events import any_unrouted
from ours.store.tables import dispatches, events, identifiers, visitors
from tests.receiver import Receiver
from tests.services.conftest import Place
from tests.services.losing import aside, sweep


def rows(place: Place, *columns: sa.ColumnElement[object]) -> list[tuple[object, ...]]:
    with place.store.read() as connection:
        return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(columns[0]))]


def waiting(place: Place) -> bool:
    with place.store.read() as connection:
        return any_unrouted(connection)


def test_an_event_gets_one_dispatch_for_each_destination_that_may_have_it(place: Place, receiver: Receiver) -> None:
    all_, listed = place.webhook(receiver, "All"), place.webhook(receiver, "Listed", events=["purchase"])
    nothing = place.webhook(receiver, "Nothing", events=[])
    place.track("Purchase")
    assert place.route.run() == 1
    made = rows(place, dispatches.c.destination_id, dispatches.c.state, dispatches.c.reason)
    assert made == [(all_, "pending", None), (listed, "pending", None)]
    assert rows(place, events.c.owed, events.c.refused) == [(3, str(nothing))]


def test_paused_and_off_destinations_get_a_dispatch_that_says_why_it_waits(place: Place, receiver: Receiver) -> None:
    paused, off = place.webhook(receiver, "Paused"), place.webhook(receiver, "Off")
    place.destinations.pause(paused, actor="cli")
    place.destinations.turn_off(off, actor="cli")
    place.track()
    place.route.run()
    made = rows(place, dispatches.c.destination_id, dispatches.c.state, dispatches.c.reason)
    assert made == [(paused, "held", "destination_paused"), (off, "stopped", "destination_off")]


def test_an_identify_makes_a_visitor_and_owes_nothing_unless_listed(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver, "All")
    wants = place.webhook(receiver, "Wants", events=["$identify"])
    place.identify(user_id="u1", user_properties={"first_name": "Jane"})
    place.route.run()
    assert rows(place, dispatches.c.destination_id) == [(wants,)]
    assert rows(place, events.c.owed, events.c.refused) == [(1, None)]
    assert len(rows(place, visitors.c.id)) == 1


def test_identifiers_join_events_of_one_person_and_stay_apart_by_mode(place: Place) -> None:
    place.track(user_id=None, external_id="c1", email_sha256="e" * 64)
    place.track(user_id=None, email_sha256="e" * 64)
    place.track(mode="test", user_id=None, email_sha256="e" * 64)
    place.route.run()
    by_mode = rows(place, events.c.mode, events.c.visitor_id)
    live = {visitor for mode, visitor in by_mode if mode == "live"}
    test = {visitor for mode, visitor in by_mode if mode == "test"}
    assert len(live) == len(test) == 1
    assert live != test
    assert len(rows(place, identifiers.c.hash)) == 3


def test_batches_give_the_same_visitors_whatever_their_size(place: Place) -> None:
    place.track(user_id=None, email_sha256="a" * 64)
    place.track(user_id=None, user_properties={"phone_number": "+1 555 010 0000"})
    place.track(user_id=None, email_sha256="a" * 64, user_properties={"phone_number": "0015550100000"})
    while place.route.run(1):
        pass
    merged = {row[0] for row in rows(place, visitors.c.id, visitors.c.alias_of) if row[1] is None}
    assert len(merged) == 1
    holders = {row[1] for row in rows(place, identifiers.c.hash, identifiers.c.visitor_id)}
    assert holders == merged


def test_racing_routers_route_each_event_once(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver)
    for _ in range(60):
        place.track(user_id=None, external_id="same")
    gate = threading.Barrier(4)

    def run(_: int) -> int:
        router, done = Route(place.store, place.registry), 0
        gate.wait()
        while waiting(place):
            done += router.run(5)
        return done

    with ThreadPoolExecutor(4) as threads:
        counts = list(threads.map(run, range(4)))
    assert sum(counts) == 60
    assert len(rows(place, dispatches.c.id)) == 60
    assert len(rows(place, visitors.c.id)) == 1


@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_a_router_that_stands_still_keeps_nobody_from_routing_and_writes_nothing_of_what_it_had_read(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.track()
    resolve = identity.resolve

    def stand_still(book: Book, facts: Facts) -> Resolution:
        monkeypatch.setattr(identity, "resolve", resolve)
        with place.store.write(durable=False) as mine:  # the transaction of this whole turn
            mine.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 50"))
        with ThreadPoolExecutor(1) as thread:
            assert thread.submit(_route_when_free, Route(place.store, place.registry)).result() == 1
        return resolve(book, facts)

    monkeypatch.setattr(identity, "resolve", stand_still)
    with pytest.raises(Busy):
        place.route.run()
    assert rows(place, events.c.visitor_id) == rows(place, visitors.c.id)
    assert place.route.run() == 0


def _route_when_free(router: Route) -> int:
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        if count := router.run():
            return count
        time.sleep(0.02)
    return 0


def test_an_event_that_was_routed_meanwhile_is_not_routed_once_more(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch failed for a passing fault; before its events are tried one by one, another router had its turn."""
    place.webhook(receiver)
    place.track()
    resolve, others = identity.resolve, Route(place.store, place.registry)

    def fail(book: Book, facts: Facts) -> Resolution:
        monkeypatch.setattr(identity, "resolve", resolve)
        monkeypatch.setattr(place.route, "_one_by_one", one_by_one)
        raise LookupError

    def one_by_one(events_: Any) -> int:
        assert others.run() == 1
        return Route._one_by_one(place.route, events_)

    monkeypatch.setattr(identity, "resolve", fail)
    place.route.run()
    assert len(rows(place, dispatches.c.id)) == 1


def test_events_that_take_long_to_look_at_are_routed_a_few_at_a_time(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """100 large rules need 10 s for 500 events. In one transaction PostgreSQL would end it at 20, each time anew."""
    place.webhook(receiver)
    for number in range(3):
        place.track(user_id=f"u{number % 2}")
    monkeypatch.setattr("ours.services.route._LONGEST", 0.0)
    assert [place.route.run() for _ in range(4)] == [1, 1, 1, 0]
    assert (len(rows(place, visitors.c.id)), len(rows(place, dispatches.c.id)), place.difference()) == (2, 3, 0)


def test_however_much_is_said_of_one_visitor_another_s_event_is_routed_at_once(place: Place) -> None:
    for number in range(5):
        news = {f"key {number} {each}": "x" * 5_000 for each in range(200)}
        place.identify(user_id="anonymous", user_properties={"custom_properties": news})
    while place.route.run():
        pass
    place.track(user_id="anonymous")
    place.track(user_id="another")
    assert place.route.run() == 2
    with place.store.read() as connection:
        largest = connection.scalar(sa.select(sa.func.max(sa.func.length(visitors.c.profile))))
    assert largest < MOST_BYTES + 1_000
    assert {note for (note,) in rows(place, events.c.notes) if note} == {"custom_properties_full"}


@pytest.fixture
def poison(place: Place, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The ids of events whose visitors no database would take."""
    bad = set[str]()
    resolve = identity.resolve

    def resolved(book: Book, facts: Facts) -> Resolution:
        found = resolve(book, facts)
        if facts.event_id in bad and (visitor := book.visitor(found.visitor_id)):
            visitor.mode = None  # type: ignore[assignment]
        return found

    monkeypatch.setattr(identity, "resolve", resolved)
    return bad


def test_an_event_that_can_not_be_written_keeps_nobody_behind_it(
    place: Place, receiver: Receiver, poison: set[str]
) -> None:
    place.webhook(receiver)
    ids = [place.track(user_id=f"u{number}").event_id for number in range(4)]
    poison.add(ids[1])
    place.work()
    assert (place.states(), aside(place), place.difference()) == ({"delivered": 3}, {"unroutable": 1}, 0)
    [concern] = notice(place.store, place.registry, place.settings)
    assert concern.words == "1 event can't be routed: what failed is in the log."
    place.track(user_id="u5")
    place.work()
    assert place.states() == {"delivered": 4}
    poison.clear()
    sweep(place)
    place.work()
    assert (place.states(), aside(place), place.difference()) == ({"delivered": 5}, {}, 0)


def test_one_that_never_can_be_is_abandoned_in_the_open(place: Place, receiver: Receiver, poison: set[str]) -> None:
    place.webhook(receiver)
    poison.add(place.track().event_id)
    place.work()
    moved = Abandoning(place.store, place.registry).run("unroutable", actor="cli")
    assert moved.events == 1
    assert rows(place, dispatches.c.state, dispatches.c.reason) == [("stopped", "abandoned:unroutable")]
    assert (aside(place), place.difference()) == ({}, 0)


def test_where_none_can_be_written_it_is_not_them_and_all_wait(place: Place, poison: set[str]) -> None:
    poison |= {place.track(user_id=f"u{number}").event_id for number in range(3)}
    with pytest.raises(Exception, match=r"(?i)not.null"):
        place.route.run()
    assert aside(place) == {}
    poison.clear()
    assert place.route.run() == 3


def test_a_database_that_is_away_sets_nothing_aside(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.track()

    def away(*_: Any, **__: Any) -> AbstractContextManager[sa.Connection]:
        raise Busy("It is away.")

    with monkeypatch.context() as patched:
        patched.setattr(Store, "write", away)
        with pytest.raises(Busy):
            place.route.run()
    assert aside(place) == {}
    assert place.route.run() == 1


@pytest.mark.parametrize("owed", [False, True])
def test_what_another_has_routed_meanwhile_is_given_up(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, owed: bool
) -> None:
    if owed:
        place.webhook(receiver)
    place.track(user_id=None, external_id="c1")
    resolve = identity.resolve

    def overtaken(book: Book, facts: Facts) -> Resolution:
        monkeypatch.setattr(identity, "resolve", resolve)
        assert Route(place.store, place.registry).run() == 1
        return resolve(book, facts)

    monkeypatch.setattr(Store, "surely_alone", lambda *_: nullcontext(True))
    monkeypatch.setattr(identity, "resolve", overtaken)
    with pytest.raises(Busy, match="Another process routed the same events"):
        place.route.run()
    assert (aside(place), place.difference(), len(rows(place, visitors.c.id))) == ({}, 0, 1)
    assert rows(place, events.c.visitor_id) == rows(place, visitors.c.id)


def test_where_much_waits_an_event_is_marked_without_walking_past_the_others(place: Place) -> None:
    """PostgreSQL takes the index of what waits for empty, as a vacuum last saw it, and so for the shortest way."""
    if place.store.is_sqlite:
        pytest.skip("SQLite finds it by its id, whatever else is said")
    for number in range(150):
        place.track(user_id=f"u{number}", event_properties={"note": "x" * 500})
    place.work()
    with place.store.read() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ANALYZE events")
    for number in range(30):
        place.track(user_id=f"u{number}")
    walks = sa.text("SELECT pg_stat_get_xact_numscans('ix_events_unrouted'::regclass)")
    with place.store.whole(), place.store.read() as connection:
        assert place.route.run() == 30
        assert connection.scalar(walks) < 5


def test_a_destination_whose_plugin_is_missing_holds_its_events(place: Place, receiver: Receiver) -> None:
    from ours.registry import Registry

    place.webhook(receiver)
    place.track()
    Route(place.store, Registry([])).run()
    assert rows(place, dispatches.c.state, dispatches.c.reason) == [("held", "plugin_missing")]


def test_nothing_but_routing_is_left_to_a_power_failure(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = []
    write = Store.write

    def noted(store: Store, *, durable: bool = True, **others: Any) -> AbstractContextManager[sa.Connection]:
        waited.append(durable)
        return write(store, durable=durable, **others)

    monkeypatch.setattr(Store, "write", noted)
    place.store.lookup("whose key is made at first use")
    place.webhook(receiver)
    place.track()
    assert set(waited) == {True}
    waited.clear()
    place.route.run()
    assert set(waited) == {False}
    waited.clear()
    place.deliver.drain(threading.Event())
    assert len(receiver.requests) == 1
    assert set(waited) == {True}


def test_many_destinations_make_a_batch_of_fewer_events_so_that_nobody_waits_long_for_it(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ours.services.route._MOST_MADE", 6)
    for number in range(3):
        place.webhook(receiver, f"Takes {number}", events=["Wide"])
    place.webhook(receiver, "Takes all")
    for name in ("Narrow", "Narrow", "Wide", "Narrow", "Wide", "Wide"):
        place.track(name)
    batches = []
    while count := place.route.run():
        batches.append((count, len(rows(place, dispatches.c.id))))
    assert batches == [(3, 6), (2, 11), (1, 15)]  # 1 + 1 + 4, then 1 + 4, then 4
    monkeypatch.setattr("ours.services.route._MOST_MADE", 2)
    place.track("Wide")
    assert place.route.run() == 1  # one at least
    assert len(rows(place, dispatches.c.id)) == 19
