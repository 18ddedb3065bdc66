"""A destination that asks to be left alone is: nothing that waits for company, or for its turn, goes before."""

import threading
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from ours.services.deliver import Deliver
from ours.store.tables import dispatches
from tests.receiver import Receiver
from tests.services.batching import Judge, batching
from tests.services.conftest import Place
from tests.services.scripted import deliver, route_all


@pytest.fixture
def judge() -> Iterator[Judge]:
    with Judge() as opened:
        yield opened


def track(place: Place, count: int, *, apart: bool = False) -> None:
    for number in range(count):
        place.track(f"E{number}", event_properties={"group": str(number)} if apart else {})
    route_all(place)


def tried(place: Place) -> list[int]:
    """How often each was sent, the least first."""
    with place.store.read() as connection:
        return sorted(connection.scalars(sa.select(dispatches.c.attempts)))


def slow_down(receiver: Receiver, seconds: int) -> None:
    receiver.answer(429, headers={"Retry-After": str(seconds)}, times=1)


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_what_waits_for_company_waits_for_the_end_of_the_rest(place: Place, judge: Judge) -> None:
    batching(place, judge, max_items=5, linger=0.3)
    slow_down(judge, 1)
    track(place, 7)
    began = time.monotonic()
    deliver(place, 0.8)
    assert judge.sizes == [5]
    assert tried(place) == [0, 0, 1, 1, 1, 1, 1]
    while place.states() != {"delivered": 7}:
        deliver(place, 0.2)
        assert time.monotonic() - began < 20
    assert tried(place) == [1, 1, 2, 2, 2, 2, 2]


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_what_waits_for_its_turn_does_too(place: Place, judge: Judge) -> None:
    destination = batching(place, judge, max_items=2, linger=0.02)
    place.destinations.update(destination, limits={"max_in_flight": 1}, actor="cli")
    slow_down(judge, 30)
    track(place, 3, apart=True)
    deliver(place, 0.4)
    assert judge.sizes == [1]
    assert tried(place) == [0, 0, 1]


def test_what_another_worker_was_told_holds_for_all(place: Place, judge: Judge) -> None:
    batching(place, judge, max_items=5, linger=0.5)
    other = Deliver(place.store, place.registry, place.settings)
    try:
        track(place, 2)
        other.drain(threading.Event(), 0.1)
        slow_down(judge, 30)
        track(place, 5)
        began = time.monotonic()
        while not judge.sizes:
            deliver(place, 0.2)
            assert time.monotonic() - began < 20
        assert judge.sizes == [5]
        other.drain(threading.Event(), 0.8)
        assert judge.sizes == [5]
        assert other.in_flight == 0
        assert tried(place) == [0, 0, 1, 1, 1, 1, 1]
    finally:
        other.close()
