"""Where a destination answers at once, a worker has more of its dispatches in hand than are under way."""

import threading
import time
from functools import partial
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa

from ours import clock
from ours.core.answer import Answer
from ours.core.incoming import Incoming
from ours.plugin import Delivery, Destination
from ours.store.tables import dispatches
from ours.transport import Bell, Transport
from tests.receiver import Receiver
from tests.services.conftest import Place
from tests.services.scripted import route_all

IN_FLIGHT = 16
"""A quarter of what may be under way where nobody set it: the rules are the same, and the requests are fewer."""
MANY = 6 * IN_FLIGHT


@pytest.fixture
def patience() -> float:
    """Seconds in which an answer comes, if any does."""
    return 20


@pytest.fixture(autouse=True)
def _patient(patience: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is under way is heard in one go, and counts as quick, however busy the machine is."""
    monkeypatch.setattr("ours.services.destinations.limits.IN_FLIGHT", IN_FLIGHT)
    monkeypatch.setattr("ours.services.deliver.room._MOMENT", 60)
    monkeypatch.setattr("ours.services.deliver.room._QUICK", 60_000)
    wait = Transport.wait

    def patient(self: Transport, timeout: float, bell: Bell | None = None) -> list[Answer]:
        heard = list[Answer]()
        while self.in_flight and (answers := wait(self, patience)):
            heard += answers
        return heard

    monkeypatch.setattr(Transport, "wait", patient)


@pytest.fixture
def webhook(place: Place) -> Destination:
    found = place.registry.get("webhook")
    assert found
    return found.plugin


@pytest.fixture
def seen(place: Place, webhook: Destination, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many dispatches were in hand, each time that a request was built."""
    counts, build = list[int](), type(webhook).build

    def noted(self: Destination, delivery: Delivery) -> object:
        with place.store.read() as connection:
            counts.append(connection.scalar(_count("sending")) or 0)
        return build(self, delivery)

    monkeypatch.setattr(type(webhook), "build", noted)
    return counts


def _count(state: str) -> sa.Select[tuple[int]]:
    return sa.select(sa.func.count()).where(dispatches.c.state == state)


def owe(place: Place, receiver: Receiver, **limits: Any) -> None:
    place.webhook(receiver, limits=limits)
    now = clock.now_ms()
    place.accept.accept(
        place.callers["live"], [Incoming(name="Purchase", occurred_at=now, user_id=f"u{n}") for n in range(MANY)]
    )
    route_all(place)


def hang_until_handed_back(place: Place, receiver: Receiver) -> None:
    """The first lot arrives and the next hangs; the rest is pending again, and no try of it is counted."""
    receiver.answer(times=IN_FLIGHT)
    receiver.answer(hang=True)
    owe(place, receiver)
    ends = time.monotonic() + 15  # what hangs does so for longer
    while place.states().get("pending") != MANY - 2 * IN_FLIGHT and time.monotonic() < ends:
        place.deliver.drain(threading.Event(), 0.5)
    assert place.states() == {"delivered": IN_FLIGHT, "sending": IN_FLIGHT, "pending": MANY - 2 * IN_FLIGHT}
    assert tried(place) == len(receiver.requests) == 2 * IN_FLIGHT


def tried(place: Place) -> int:
    with place.store.read() as connection:
        return int(connection.scalar(sa.select(sa.func.sum(dispatches.c.attempts))) or 0)


def test_what_is_in_hand_goes_beyond_what_may_be_under_way(place: Place, receiver: Receiver, seen: list[int]) -> None:
    owe(place, receiver)
    place.deliver.drain(threading.Event(), 30)
    assert place.states() == {"delivered": MANY}
    assert IN_FLIGHT < max(seen) <= 4 * IN_FLIGHT
    assert receiver.connections <= IN_FLIGHT  # one after the other on each: so many were under way at once
    assert len(receiver.requests) == tried(place) == MANY


@pytest.mark.parametrize("limits", [{"max_in_flight": IN_FLIGHT}, {"rate_limit": 10_000}])
def test_what_somebody_limited_is_kept_to(
    place: Place, receiver: Receiver, seen: list[int], limits: dict[str, Any]
) -> None:
    owe(place, receiver, **limits)
    place.deliver.drain(threading.Event(), 30)
    assert place.states() == {"delivered": MANY}
    assert max(seen) <= IN_FLIGHT


def test_what_does_not_answer_that_fast_is_not_taken_ahead(
    place: Place, receiver: Receiver, seen: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ours.services.deliver.room._MOMENT", 0.000_001)
    owe(place, receiver)
    place.deliver.drain(threading.Event(), 30)
    assert place.states() == {"delivered": MANY}
    assert max(seen) <= IN_FLIGHT


def test_where_some_fail_nothing_is_taken_ahead(place: Place, receiver: Receiver, seen: list[int]) -> None:
    for _ in range(MANY // 4):
        receiver.answer(times=3)
        receiver.answer(500, times=1)
    owe(place, receiver, retry_schedule=[86_400])
    place.deliver.drain(threading.Event(), 30)
    assert place.states() == {"delivered": MANY * 3 // 4, "retrying": MANY // 4}
    assert max(seen) <= IN_FLIGHT


def test_slow_answers_that_come_together_do_not_look_like_quick_ones(
    place: Place, receiver: Receiver, seen: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was taken ahead of them would be handed back, and be owed after all that came later."""
    monkeypatch.setattr("ours.services.deliver.room._MOMENT", 0.03)
    monkeypatch.setattr("ours.services.deliver.room._QUICK", 100)
    monkeypatch.setattr("ours.services.deliver.room.monotonic", partial(next, count(step=0.001)))
    receiver.answer(delay=0.2)
    owe(place, receiver)
    place.deliver.drain(threading.Event(), 30)
    assert place.states() == {"delivered": MANY}
    assert max(seen) <= IN_FLIGHT


def test_what_may_not_be_sent_twice_is_not_taken_ahead(
    place: Place, receiver: Receiver, webhook: Destination, seen: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a worker that dies has in hand may have been sent."""
    monkeypatch.setattr(type(webhook), "dedupes", False)
    owe(place, receiver)
    place.deliver.drain(threading.Event(), 30)
    assert place.states() == {"delivered": MANY}
    assert max(seen) <= IN_FLIGHT


def test_what_was_taken_ahead_is_not_sent_to_a_destination_that_begins_to_fail(
    place: Place, receiver: Receiver, seen: list[int]
) -> None:
    receiver.answer(times=IN_FLIGHT)
    receiver.answer(500)
    owe(place, receiver)
    place.deliver.drain(threading.Event(), 30)
    assert max(seen) > 2 * IN_FLIGHT
    sent = len(receiver.requests)
    assert sent <= 3 * IN_FLIGHT  # on a busy machine a lot may go in two parts
    assert tried(place) == sent
    assert place.states() == {"delivered": IN_FLIGHT, "retrying": sent - IN_FLIGHT, "pending": MANY - sent}
    assert place.difference() == 0


@pytest.mark.parametrize("patience", [0.7])
def test_what_was_taken_ahead_is_handed_back_when_no_answer_comes_any_more(
    place: Place, receiver: Receiver, seen: list[int]
) -> None:
    hang_until_handed_back(place, receiver)
    assert max(seen) > 2 * IN_FLIGHT


@pytest.mark.parametrize("patience", [0.5])
def test_a_worker_that_is_to_end_hands_back_what_it_took_ahead(
    place: Place, receiver: Receiver, seen: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ours.services.deliver.carrier._LONGEST_WAIT", 60)
    monkeypatch.setattr("ours.services.deliver.carrier._LONGEST_QUEUE", 60)
    receiver.answer(times=IN_FLIGHT)
    receiver.answer(delay=2)
    owe(place, receiver)
    stop = threading.Event()
    watcher = threading.Thread(target=lambda: receiver.wait_for(IN_FLIGHT + 1, 20) and stop.set())
    watcher.start()
    place.deliver.drain(stop, 30)
    watcher.join()
    assert max(seen) > 2 * IN_FLIGHT
    assert tried(place) == len(receiver.requests) == 2 * IN_FLIGHT
    assert place.states() == {"delivered": 2 * IN_FLIGHT, "pending": MANY - 2 * IN_FLIGHT}


@pytest.mark.parametrize("patience", [0.7])
def test_what_was_taken_ahead_is_handed_back_when_its_turn_does_not_come_soon(
    place: Place, receiver: Receiver, seen: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often something lands."""
    monkeypatch.setattr("ours.services.deliver.carrier._LONGEST_WAIT", 60)
    monkeypatch.setattr("ours.services.deliver.carrier._LONGEST_QUEUE", 0.1)
    hang_until_handed_back(place, receiver)
    assert max(seen) > 2 * IN_FLIGHT
