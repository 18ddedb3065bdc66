"""Whose an event is, on a real database: whatever the batches, the crashes and the races of processes."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings

from ours import clock
from ours.core.identity import Facts
from ours.core.incoming import Incoming
from ours.services.accept import Accept, Receipt
from ours.services.route import Route
from ours.store.tables import events, visitors
from ours.store.writer import Writer
from tests.core.shelf import Shelf
from tests.core.test_identity_laws import histories
from tests.services.conftest import Place

TABLES = ("dispatches", "events", "seen", "identifiers", "visitors")
PHONE = "+1 555 010 0000"
PERSON = [
    {"external_id": "crm-1"},
    {"email_sha256": "e" * 64},
    {"user_properties": {"phone_number": PHONE}},
    {"external_id": "crm-1", "email_sha256": "e" * 64},
    {"email_sha256": "e" * 64, "user_properties": {"phone_number": PHONE}},
]
Told = list[tuple[int, list[str]]]


class Killed(BaseException):
    """The route worker ends in the middle of its transaction."""


def roots(place: Place) -> dict[str, str]:
    """Each visitor's id and the one that stands for it now."""
    with place.store.read() as connection:
        rows = connection.execute(sa.select(visitors.c.id, visitors.c.alias_of)).all()
    return {row.id: row.alias_of or row.id for row in rows}


def told_by_database(place: Place) -> Told:
    stands_for = roots(place)
    with place.store.read() as connection:
        rows = connection.execute(sa.select(events.c.visitor_id, events.c.notes).order_by(events.c.id)).all()
    return numbered([(stands_for[row.visitor_id], row.notes.split(",") if row.notes else []) for row in rows])


def told_by_shelf(history: Sequence[Facts]) -> Told:
    shelf = Shelf()
    found = shelf.run(history)
    return numbered([(shelf.visitor(one.visitor_id).id, one.notes) for one in found])


def numbered(found: Sequence[tuple[str, list[str]]]) -> Told:
    """Visitors by the order in which they first come up: their ids depend on the installation's own key."""
    order: dict[str, int] = {}
    return [(order.setdefault(visitor, len(order)), notes) for visitor, notes in found]


def killed_in(station: Route) -> Route:
    def write_down(*_: object) -> None:
        raise Killed

    station._write_down = write_down  # type: ignore[method-assign]
    return station


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(history=histories(), sizes=st.lists(st.integers(-3, 4).filter(bool), min_size=1, max_size=6))
def test_the_same_events_give_the_same_visitors_whatever_the_batches_and_the_crashes(
    place: Place, history: list[Facts], sizes: list[int]
) -> None:
    """A negative size is a worker that is killed before it commits so many."""
    with place.store.write() as connection:
        for table in TABLES:
            connection.execute(sa.text(f"DELETE FROM {table}"))
    for facts in history:
        place.track(
            mode=facts.mode,
            user_id=facts.user_id,
            external_id=facts.external_id,
            email_sha256=facts.email_sha256,
            user_properties=facts.user_properties,
        )
    for size in sizes:
        if size > 0:
            Route(place.store, place.registry).run(size)
        else:
            with suppress(Killed):
                killed_in(Route(place.store, place.registry)).run(-size)
    while place.route.run():
        pass
    assert told_by_database(place) == told_by_shelf(history)


@pytest.fixture
def doors(place: Place) -> Iterator[list[Accept]]:
    """The accept services of two web processes."""
    writers = [Writer(place.store, lambda: None) for _ in range(2)]
    yield [Accept(place.store, place.settings, writer) for writer in writers]
    for writer in writers:
        writer.close()


def all_at_once(*works: Callable[[], object]) -> list[object]:
    gate = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> object:
        gate.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(run, works))


def test_first_events_of_one_person_through_two_processes_make_one_visitor(place: Place, doors: list[Accept]) -> None:
    """Two web processes take them in while two route workers work out whose they are."""
    ended = threading.Event()

    def send(door: Accept, shift: int) -> None:
        for number in range(20):
            said = PERSON[(number + shift) % len(PERSON)]
            for mode in ("live", "test"):
                door.accept(place.callers[mode], [Incoming(name="A", occurred_at=clock.now_ms(), **said)])  # type: ignore[arg-type]

    def route() -> None:
        station = Route(place.store, place.registry)
        while not ended.is_set():
            station.run(3)

    def send_all() -> None:
        try:
            all_at_once(*(lambda door=door, shift=shift: send(door, shift) for shift, door in enumerate(doors * 2)))
        finally:
            ended.set()

    all_at_once(route, route, send_all)
    while place.route.run():
        pass
    stands_for = roots(place)
    with place.store.read() as connection:
        rows = connection.execute(sa.select(events.c.mode, events.c.visitor_id)).all()
    assert len(rows) == 160
    people = {(row.mode, stands_for[row.visitor_id]) for row in rows}
    assert sorted(mode for mode, _ in people) == ["live", "test"]
    assert len({visitor for _, visitor in people}) == 2


def test_one_event_is_stored_once_however_many_processes_and_threads_send_it(place: Place, doors: list[Accept]) -> None:
    """Each sender sends its rows in an order of its own, alone and in batches."""
    names = [f"order-{number}" for number in range(12)]

    def send(door: Accept, turn: int) -> list[Receipt]:
        mine = names[turn:] + names[:turn]
        rows = [Incoming(name="A", occurred_at=1, user_id="u", distinct_id=name) for name in mine]
        caller = place.callers["live"]
        if turn % 2:
            return [door.accept(caller, [row])[0] for row in rows]
        return door.accept(caller, [*rows, *reversed(rows)])

    works = [lambda door=door, turn=turn: send(door, turn) for turn, door in enumerate(doors * 3)]
    receipts = [receipt for found in all_at_once(*works) for receipt in found]  # type: ignore[attr-defined]
    assert len(receipts) == 3 * 12 + 3 * 24
    firsts = [receipt for receipt in receipts if not receipt.duplicate]
    assert sorted(receipt.distinct_id for receipt in firsts) == sorted(names)
    ids = {receipt.distinct_id: receipt.event_id for receipt in firsts}
    assert all(receipt.event_id == ids[receipt.distinct_id] and not receipt.differs for receipt in receipts)
    with place.store.read() as connection:
        stored = set(connection.scalars(sa.select(events.c.id)))
    assert stored == set(ids.values())
