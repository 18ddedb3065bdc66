"""How fast destinations are delivered to, and how fairly: caps, rates, shares, schedules, and draining a backlog."""

import threading
import time
from collections import Counter
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine

from ours import clock
from ours.errors import Invalid
from ours.plugin import Delivered, Retry
from ours.services.deliver import Deliver
from ours.services.deliver.room import Lease, Room
from ours.services.deliver.targets import Targets
from ours.services.destinations import backlog
from ours.store.queries import destinations as rows
from ours.store.tables import dispatches
from tests.receiver import Receiver
from tests.services.conftest import Place
from tests.services.scripted import Scripted, deliver, die, route_all, scripted, sweep_of


def fill(place: Place, count: int, **changes: Any) -> None:
    for _ in range(count):
        place.track(**changes)
    route_all(place)


def in_hand(place: Place) -> Counter[int]:
    with place.store.read() as connection:
        found = connection.scalars(sa.select(dispatches.c.destination_id).where(dispatches.c.state == "sending"))
        return Counter(found)


def two_workers(place: Place, seconds: float) -> None:
    other = Deliver(place.store, place.registry, place.settings)
    workers = [threading.Thread(target=one.drain, args=(threading.Event(), seconds)) for one in (place.deliver, other)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    other.close()


def test_all_workers_together_keep_to_the_cap(place: Place, receiver: Receiver) -> None:
    hook = place.webhook(receiver, limits={"max_in_flight": 3})
    receiver.answer(delay=0.05)
    fill(place, 24)
    most, done = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.is_set():
            most = max(most, in_hand(place)[hook])
            time.sleep(0.003)

    watcher = threading.Thread(target=watch)
    watcher.start()
    two_workers(place, 10)
    done.set()
    watcher.join()
    assert place.states() == {"delivered": 24}
    assert 1 <= most <= 3


def test_what_a_dead_worker_holds_counts_until_its_lease_is_over(place: Place) -> None:
    scripted(place).destinations.add("scripted", "S", {}, events=["*"], limits={"max_in_flight": 2}, actor="cli")
    with time_machine.travel(clock.now_ms() / 1000, tick=False) as traveller:
        fill(place, 5)
        die(place)
        deliver(place)
        assert place.states() == {"sending": 2, "pending": 3}
        traveller.shift(16)
        deliver(place)
        assert place.states() == {"sending": 2, "delivered": 3}


@pytest.mark.parametrize("limits", [{}, {"rate_limit": 1000}])
def test_by_default_what_another_worker_holds_takes_nobodys_place(
    place: Place, receiver: Receiver, limits: dict[str, Any]
) -> None:
    place.webhook(receiver, limits=limits)
    fill(place, 100)
    die(place)
    assert place.states() == {"sending": 64, "pending": 36}
    deliver(place)
    assert place.states() == {"sending": 64, "delivered": 36}


def test_all_workers_together_keep_to_the_rate_and_reach_it(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver, limits={"rate_limit": 20})
    fill(place, 25)
    begun = time.monotonic()
    two_workers(place, 10)
    took = time.monotonic() - begun
    assert place.states() == {"delivered": 25}
    assert 0.95 <= took <= 30  # a busy machine may bunch what was begun apart, but can't shorten the whole


def test_a_worker_that_waits_for_a_rate_serves_the_others(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver, "Slow", limits={"rate_limit": 0.01})
    place.webhook(receiver, "Free")
    fill(place, 10)
    place.deliver.drain(threading.Event(), 3)
    assert place.states() == {"delivered": 11, "pending": 9}


def test_busy_destinations_leave_room_for_one_more(place: Place) -> None:
    """Nine that hang have more than a worker's whole room to ask for; the tenth is begun at once all the same."""
    with Receiver() as hanging, Receiver() as quick:
        hanging.answer(hang=True)
        for number in range(9):
            place.webhook(hanging, f"Hangs {number}", events=["Slow"])
        fill(place, 64, name="Slow")
        place.deliver.drain(threading.Event(), 1.5)
        assert sum(in_hand(place).values()) >= 512
        place.webhook(quick, "Quick", events=["Fast"])
        fill(place, 3, name="Fast")
        ends = time.monotonic() + 10  # those that hang do so for twice as long
        while len(quick.requests) < 3 and time.monotonic() < ends:
            place.deliver.drain(threading.Event(), 0.2)
        assert len(quick.requests) == 3


def test_room_is_shared_among_those_that_have_work(place: Place, receiver: Receiver) -> None:
    for number in range(10):
        place.webhook(receiver, f"Hook {number}", limits={"max_in_flight": 500})
    fill(place, 60)
    die(place)
    taken = in_hand(place)
    assert len(taken) == 10
    assert sum(taken.values()) == 512
    assert max(taken.values()) - min(taken.values()) <= 1


def test_a_destinations_own_schedule_decides_when_and_how_often(place: Place) -> None:
    made = scripted(place).destinations.add(
        "scripted", "S", {}, events=["*"], limits={"retry_schedule": [5, "30"]}, actor="cli"
    )
    assert made.limits.retry_schedule == (5, 30)
    Scripted.outcomes.extend([Retry("http_503", "Later.")] * 3)
    with time_machine.travel(clock.now_ms() / 1000, tick=False) as traveller:
        fill(place, 1)
        for seconds, state in [(5, "retrying"), (30, "retrying"), (0, "exhausted")]:
            deliver(place)
            assert place.states() == {state: 1}
            traveller.shift(seconds)
    assert len(Scripted.sent) == 3


def test_the_schedule_holds_for_lost_leases_too(place: Place) -> None:
    scripted(place).destinations.add("scripted", "S", {}, events=["*"], limits={"retry_schedule": [1]}, actor="cli")
    Scripted.dedupes = True
    try:
        with time_machine.travel(clock.now_ms() / 1000, tick=False) as traveller:
            fill(place, 1)
            for state in ("retrying", "exhausted"):
                die(place)
                traveller.shift(16)
                sweep_of(place).run()
                assert place.states() == {state: 1}
                traveller.shift(2)
    finally:
        Scripted.dedupes = False


@pytest.mark.parametrize(
    "limits",
    [
        {"max_in_flight": 0},
        {"max_in_flight": "many"},
        {"max_in_flight": 1.5},
        {"rate_limit": 0},
        {"rate_limit": "nan"},
        {"retry_schedule": []},
        {"retry_schedule": [0]},
        {"retry_schedule": [5, 86_401]},
        {"retry_schedule": ["soon"]},
        {"retry_schedule": [5] * 21},
        {"drain_rate": -1},
    ],
)
def test_limits_that_make_no_sense_are_named(place: Place, receiver: Receiver, limits: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as caught:
        place.webhook(receiver, limits=limits)
    assert list(caught.value.errors) == [f"limits.{name}" for name in limits]
    assert all(sentence.endswith(".") for sentence in caught.value.errors[f"limits.{next(iter(limits))}"])


def test_limits_left_out_stay_and_none_sets_one_back(place: Place, receiver: Receiver) -> None:
    hook = place.webhook(receiver, limits={"max_in_flight": 3, "rate_limit": 2.5})
    place.destinations.update(hook, limits={"drain_rate": "9"}, actor="cli")
    changed = place.destinations.update(hook, limits={"rate_limit": None}, actor="cli").limits
    assert (changed.max_in_flight, changed.rate_limit, changed.drain_rate) == (3, None, 9)
    freed = place.destinations.update(hook, limits={"max_in_flight": None}, actor="cli").limits
    assert (freed.max_in_flight, freed.capped) == (64, False)


def test_a_resumed_backlog_is_spread_at_its_drain_rate_and_new_events_are_not_behind_it(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "PART", 4)
    hook = place.webhook(receiver, limits={"drain_rate": 2})
    with time_machine.travel(clock.now_ms() / 1000, tick=False) as traveller:
        place.destinations.pause(hook, actor="cli")
        fill(place, 10)
        place.destinations.resume(hook, actor="cli")
        now = clock.now_ms()
        with place.store.read() as connection:
            dues = connection.scalars(sa.select(dispatches.c.due_at).order_by(dispatches.c.id)).all()
        assert dues == [now + 500 * number for number in range(10)]
        fill(place, 1)
        place.work()
        assert len(receiver.requests) == 2
        traveller.shift(4.5)
        place.work()
    assert place.states() == {"delivered": 11}


def test_what_one_resumption_left_behind_the_next_sweep_lets_go(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "PART", 2)
    monkeypatch.setattr(backlog, "_PARTS", 2)
    hook = place.webhook(receiver)
    fill(place, 7)
    seen = []
    for verb in (place.destinations.pause, place.destinations.resume, place.destinations.turn_off):
        verb(hook, actor="cli")
        seen.append(place.states())
        sweep_of(place).run()
        seen.append(place.states())
    assert seen == [
        {"held": 4, "pending": 3}, {"held": 7},
        {"pending": 4, "held": 3}, {"pending": 7},
        {"stopped": 4, "pending": 3}, {"stopped": 7},
    ]  # fmt: skip


def test_nothing_is_claimed_of_a_destination_that_was_paused_a_moment_ago(place: Place, receiver: Receiver) -> None:
    hook = place.webhook(receiver)
    fill(place, 3)
    room, now = Room(Targets(place.registry, place.store.sealer)), clock.now_ms()
    with place.store.read() as connection:
        wanted = room.wanted(connection, now, {})
    with place.store.write() as connection:
        rows.change(connection, hook, {"status": "paused"})
    assert wanted == {hook: 64}
    with place.store.write() as connection:
        assert room.claim(connection, wanted, Lease("somebody", now, now + 1000)) == []
    assert place.states() == {"pending": 3}


def throttled(place: Place, seconds: float) -> None:
    """A destination that took one and then asked for a rest, with more waiting."""
    scripted(place).destinations.add("scripted", "S", {}, events=["*"], limits={"max_in_flight": 1}, actor="cli")
    Scripted.outcomes.extend([Delivered(), Retry("http_429", "Slowly.", seconds, throttle=True)])
    fill(place, 5)
    deliver(place)


def test_a_throttle_lets_the_whole_destination_rest_and_burns_no_try(place: Place) -> None:
    with time_machine.travel(clock.now_ms() / 1000, tick=False) as traveller:
        throttled(place, 60)
        assert place.states() == {"delivered": 1, "retrying": 1, "pending": 3}
        assert place.destinations.list()[0].rests_until == clock.now_ms() + 60_000
        traveller.shift(59)
        two_workers(place, 5)
        assert len(Scripted.sent) == 2
        traveller.shift(1)
        deliver(place)
    assert place.states() == {"delivered": 5}
    with place.store.read() as connection:
        assert set(connection.scalars(sa.select(dispatches.c.attempts - dispatches.c.spared))) == {1}


def test_a_shorter_rest_does_not_cut_a_longer_one_and_a_clock_set_back_ends_it(place: Place) -> None:
    with time_machine.travel(clock.now_ms() / 1000, tick=False) as traveller:
        throttled(place, 3_600)
        (one,) = place.destinations.list()
        with place.store.write() as connection:
            rows.let_rest(connection, one.id, clock.now_ms() + 5_000, clock.now_ms())
        assert place.destinations.get(one.id).rests_until == one.rests_until
        traveller.shift(-3 * 86_400)
        deliver(place)
        assert len(Scripted.sent) == 2
        with place.store.write() as connection:
            connection.execute(sa.update(dispatches).where(dispatches.c.state == "pending").values(due_at=1))
        deliver(place)
    assert place.states() == {"delivered": 4, "retrying": 1}


def test_whoever_resumes_a_destination_ends_its_rest(place: Place) -> None:
    with time_machine.travel(clock.now_ms() / 1000, tick=False):
        throttled(place, 3_600)
        (one,) = place.destinations.list()
        place.destinations.pause(one.id, actor="cli")
        place.destinations.resume(one.id, actor="cli")
        deliver(place)
    assert place.states() == {"delivered": 5}
