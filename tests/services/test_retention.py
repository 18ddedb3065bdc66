"""Retention: what goes when, what stays, that nothing is orphaned, and that the balance knows of what is gone."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ours import clock
from ours import ids as event_ids
from ours.core import clearing
from ours.core.balance import Balance
from ours.errors import Invalid
from ours.services import audit, retention
from ours.services.overview import Overview
from ours.services.reconcile import Reconcile
from ours.services.replay import Replay
from ours.services.retention import Retention
from ours.settings import Settings
from ours.store.queries import refusals as refused_queries
from ours.store.queries import replay as replay_queries
from ours.store.queries.refusals import Refused
from ours.store.tables import allowed, attempts, destinations, dispatches, events, ledger, refusals, seen, volumes
from ours.store.tables import audit as audit_table
from tests.receiver import Receiver
from tests.services.conftest import Place

DAY = 24 * 3600
ENDS = {
    "live": ["delivered", "rejected", "exhausted", "stopped", "held", "pending"],
    "test": ["sunk", "rejected", "stopped", "held", "pending"],
}

STEPS = ["track", "identify", "route", "deliver", "end", "add", "turn", "again", "wait"]


@pytest.fixture
def keep(place: Place) -> Retention:
    return Retention(place.store, place.settings)


def count(place: Place, *tables: sa.Table) -> list[int]:
    with place.store.read() as connection:
        return [connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0 for table in tables]


def balance(place: Place) -> Balance:
    return Overview(place.store, place.registry).balance()


def put(place: Place, dispatch_id: str, **values: Any) -> None:
    with place.store.write() as connection:
        connection.execute(
            sa.update(dispatches).where(dispatches.c.id == dispatch_id).values({"due_at": None} | values)
        )


def ids(place: Place) -> Sequence[str]:
    with place.store.read() as connection:
        return connection.scalars(sa.select(dispatches.c.id).order_by(dispatches.c.id)).all()


def assert_nothing_is_orphaned(place: Place) -> None:
    for child, parent in (
        (dispatches.c.event_id, events.c.id),
        (dispatches.c.replay_of, dispatches.alias().c.id),
        (attempts.c.dispatch_id, dispatches.c.id),
        (seen.c.event_id, events.c.id),
    ):
        lost = sa.select(child).where(child.is_not(None), ~sa.select(parent).where(parent == child).exists())
        with place.store.read() as connection:
            assert connection.execute(lost).all() == [], f"{child} names what is gone"


def test_an_old_event_goes_with_all_that_hangs_on_it_and_its_figures_stay(
    place: Place, receiver: Receiver, keep: Retention, now: time_machine.Traveller
) -> None:
    place.webhook(receiver)
    place.webhook(receiver, "Refuses", events=[])
    place.track(distinct_id="order-1")
    place.identify(user_id="u1")
    place.work()
    Replay(place.store, place.registry).one(ids(place)[0], actor="cli")
    place.work()
    before = balance(place)
    now.shift(90 * DAY)
    assert keep.run(60)
    assert count(place, events, dispatches, attempts, seen) == [2, 2, 0, 1]
    now.shift(1)
    assert keep.run(60)
    assert count(place, events, dispatches, attempts, seen) == [0, 0, 0, 0]
    assert balance(place) == before
    assert (before.accepted, before.delivered, before.stopped, before.difference) == (1, 2, 1, 0)


def test_a_repeat_is_known_as_long_as_the_event_is_kept(
    place: Place, receiver: Receiver, keep: Retention, now: time_machine.Traveller
) -> None:
    place.webhook(receiver)
    place.track(distinct_id="order-1")
    place.work()
    put(place, ids(place)[0], state="held", reason="destination_paused", updated_at=clock.now_ms() + 99 * DAY * 1000)
    now.shift(91 * DAY)
    keep.run(60)
    assert place.track(distinct_id="order-1").duplicate
    put(place, ids(place)[0], state="delivered")
    keep.run(60)
    assert not place.track(distinct_id="order-1").duplicate


def test_an_event_with_an_open_dispatch_stays_and_holds_up_none_behind_it(
    place: Place, receiver: Receiver, keep: Retention, now: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_WINDOW", 2)
    place.webhook(receiver)
    for _ in range(7):
        place.track()
    place.work()
    for one in ids(place)[:3]:
        put(place, one, state="retrying", due_at=clock.now_ms() + 200 * DAY * 1000)
    now.shift(91 * DAY)
    place.track()
    assert keep.run(60)
    assert count(place, events, dispatches) == [4, 3]
    for one in ids(place):
        put(place, one, state="exhausted")
    assert keep.run(60)
    assert count(place, events, dispatches) == [1, 0]
    place.work()
    assert (balance(place).difference, balance(place).exhausted) == (0, 3)


def test_test_events_go_sooner(place: Place, receiver: Receiver, keep: Retention, now: time_machine.Traveller) -> None:
    place.webhook(receiver)
    place.track()
    place.track(mode="test")
    place.work()
    now.shift(14 * DAY + 1)
    keep.run(60)
    assert place.states() == {"delivered": 1}
    assert balance(place).sunk == 1


def test_test_events_may_be_kept_longer_than_live_ones(
    place: Place, receiver: Receiver, make_settings: Callable[..., Settings], now: time_machine.Traveller
) -> None:
    place.webhook(receiver)
    place.track()
    place.track(mode="test")
    place.work()
    now.shift(8 * DAY)
    Retention(place.store, make_settings(keep_events_days=7)).run()
    assert place.states() == {"sunk": 1}


def test_attempts_go_sooner_but_not_those_of_open_dispatches(
    place: Place, receiver: Receiver, keep: Retention, now: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_WINDOW", 2)
    place.webhook(receiver)
    for _ in range(6):
        place.track()
    place.work()
    still_open = ids(place)[1]
    put(place, still_open, state="retrying", due_at=clock.now_ms() + 200 * DAY * 1000)
    now.shift(30 * DAY)
    keep.run(60)
    assert count(place, attempts) == [6]
    now.shift(1)
    assert keep.run(60)
    with place.store.read() as connection:
        assert connection.scalars(sa.select(attempts.c.dispatch_id)).all() == [still_open]
    assert count(place, dispatches) == [6]


def test_what_is_held_for_too_long_is_stopped(
    place: Place, receiver: Receiver, keep: Retention, now: time_machine.Traveller, caplog: pytest.LogCaptureFixture
) -> None:
    destination = place.webhook(receiver)
    place.destinations.pause(destination, actor="cli")
    place.track()
    place.work()
    now.shift(30 * DAY)
    keep.run(60)
    assert place.states() == {"held": 1}
    now.shift(1)
    keep.run(60)
    with place.store.read() as connection:
        row = connection.execute(sa.select(dispatches)).one()
    assert (row.state, row.reason, row.updated_at) == ("stopped", "expired", clock.now_ms())
    assert balance(place).difference == 0


def test_of_much_that_is_held_for_too_long_all_is_stopped_at_once(
    place: Place, receiver: Receiver, keep: Retention, now: time_machine.Traveller
) -> None:
    place.destinations.pause(place.webhook(receiver), actor="cli")
    for _ in range(3):
        place.track()
    place.work()
    now.shift(31 * DAY)
    keep._clearing["held"].rows = 1
    assert keep.run(60)
    assert place.states() == {"stopped": 3}


def test_volumes_and_audit_go_last(place: Place, keep: Retention, now: time_machine.Traveller) -> None:
    place.track()
    with place.store.write() as connection:
        for _ in range(3):
            audit.record(connection, "cli", "add", "source 1")
    now.shift(400 * DAY - 60)
    keep.run(60)
    assert count(place, volumes)[0] == 1
    assert count(place, audit_table)[0] >= 3
    now.shift(121)
    place.track()
    keep.run(60)
    assert count(place, volumes, audit_table) == [1, 0]


def test_why_events_were_refused_goes_with_the_attempts(
    place: Place, keep: Retention, now: time_machine.Traveller
) -> None:
    with place.store.write() as connection:
        refused_queries.add(connection, [Refused(1, "live", "rate_limited", "", "r", clock.now_ms(), 1)])
    now.shift(30 * DAY - 3_700)
    keep.run(60)
    assert count(place, refusals) == [1]
    now.shift(7_400)
    keep.run(60)
    assert count(place, refusals) == [0]


def test_it_takes_small_chunks_and_stops_when_its_time_is_up(
    place: Place, receiver: Receiver, keep: Retention, now: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clearing, "MOST", 10)
    monkeypatch.setattr(retention, "_WINDOW", 6)
    place.webhook(receiver)
    for number in range(20):
        place.track(distinct_id=str(number))
    place.work()
    now.shift(91 * DAY)
    largest: list[int] = []
    delete = retention.queries.delete_events

    def watched(connection: sa.Connection, event_ids: Sequence[str], dispatch_ids: Sequence[str]) -> None:
        largest.append(len(event_ids))
        delete(connection, event_ids, dispatch_ids)

    monkeypatch.setattr(retention.queries, "delete_events", watched)
    assert not keep.run(0)
    assert count(place, events) == [20]
    assert keep.run(10)
    assert count(place, events) == [0]
    assert max(largest) <= 3


class Slow:
    """Deletes events as a slow machine would, until it is a quick one; and a run's ``stop``, which notes the rests."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.takes = 0.05
        self.parts: list[int] = []
        self.rests: list[float] = []
        self.stop = threading.Event()
        self._delete = retention.queries.delete_events
        monkeypatch.setattr(retention.queries, "delete_events", self.delete)
        monkeypatch.setattr(self.stop, "wait", self.rests.append)

    def delete(self, connection: sa.Connection, event_ids: Sequence[str], dispatch_ids: Sequence[str]) -> None:
        self.parts.append(len(event_ids))
        time.sleep(self.takes)
        self._delete(connection, event_ids, dispatch_ids)


@pytest.fixture
def slow(place: Place, receiver: Receiver, now: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch) -> Slow:
    """With forty old events of four rows each."""
    monkeypatch.setattr(clearing, "MOST", 80)
    monkeypatch.setattr(clearing, "_SMALLEST", 20)
    place.webhook(receiver)
    for number in range(40):
        place.track(distinct_id=str(number))
    place.work()
    now.shift(91 * DAY)
    return Slow(monkeypatch)


def test_a_chunk_is_smaller_after_one_that_took_long_and_a_rest_follows_each(keep: Retention, slow: Slow) -> None:
    with pytest.MonkeyPatch.context() as calm:
        calm.setattr(keep, "_attempts", lambda _: False)
        assert keep.run(60, slow.stop)
    assert slow.parts == [20, 10, 5, 5]
    assert [rest >= 0.1 for rest in slow.rests].count(True) >= 4


def test_a_chunk_grows_while_there_is_time(keep: Retention, slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep, "_attempts", lambda _: False)
    monkeypatch.setattr(clearing, "_MOMENT", 10)
    slow.takes = 0
    keep._clearing["events"].rows = 20
    assert keep.run(60, slow.stop)
    assert slow.parts[:4] == [5, 6, 7, 9]


@pytest.mark.parametrize("table", ["events", "attempts"])
def test_it_rests_less_while_more_comes_in(
    place: Place, slow: Slow, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    make = event_ids.new_id
    monkeypatch.setattr(event_ids, "new_id", lambda: event_ids.floor(clock.now_ms())[:12] + make()[12:])

    def rests() -> float:
        keep = Retention(place.store, place.settings)
        assert not keep.run(0, slow.stop)
        return keep._clearing[table].rest_after(0.05, 1, time.monotonic())

    calm = rests()
    for number in range(40):
        place.track(distinct_id=f"new {number}")
    place.work()
    assert rests() < calm / 2


def test_a_backlog_is_told_from_what_is_nearly_done(
    keep: Retention, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_WINDOW", 15)
    seen: list[float] = []
    rest = clearing.Clearing.rest_after

    def watched(one: clearing.Clearing, *told: Any) -> float:
        if one is keep._clearing["events"]:
            seen.append(one._overdue)
        return rest(one, *told)

    monkeypatch.setattr(clearing.Clearing, "rest_after", watched)
    slow.takes = 0
    assert keep.run(60, slow.stop)
    assert seen[0] > 1_000
    assert seen[-1] == 0


def test_nobody_waits_for_the_disk(place: Place, keep: Retention, slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[bool] = []
    write = place.store.write

    def watched(**how: Any) -> Any:
        waited.append(how.get("durable", True))
        return write(**how)

    monkeypatch.setattr(place.store, "write", watched)
    assert keep.run(60, slow.stop)
    assert slow.parts
    assert not any(waited)


def test_told_to_stop_it_begins_no_other_chunk(
    place: Place, keep: Retention, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slow.stop, "wait", lambda _: slow.parts and slow.stop.set())
    assert not keep.run(60, slow.stop)
    assert (slow.parts, count(place, events)) == ([20], [20])


def test_between_two_runs_it_rests(place: Place, keep: Retention, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    monkeypatch.setattr(keep, "run", lambda **_: runs.append(1) or True)
    keep.tick()
    keep.tick()
    assert runs == [1]
    keep._next -= 61
    keep.tick()
    assert runs == [1, 1]


def test_while_some_is_left_it_does_not_rest(keep: Retention, monkeypatch: pytest.MonkeyPatch) -> None:
    runs, stop = [], threading.Event()
    monkeypatch.setattr(keep, "run", lambda **how: bool(runs.append(how["stop"])))
    keep.tick(stop)
    keep.tick(stop)
    assert runs == [stop, stop]


def test_only_one_process_at_a_time_deletes(
    place: Place, receiver: Receiver, keep: Retention, now: time_machine.Traveller
) -> None:
    place.track()
    place.work()
    now.shift(91 * DAY)
    with place.store.alone("retention"):
        keep.run(60)
        assert count(place, events) == [1]
    keep.run(60)
    assert count(place, events) == [0]


def test_an_event_that_is_just_being_replayed_stays(
    place: Place, receiver: Receiver, keep: Retention, now: time_machine.Traveller
) -> None:
    if place.store.is_sqlite:
        pytest.skip("on SQLite, one writes at a time")
    place.webhook(receiver)
    event_id = place.track().event_id
    place.work()
    now.shift(91 * DAY)
    with place.store.write() as connection:
        replay_queries.hold_events(connection, [event_id])
        keep.run(60)
    assert count(place, events, dispatches) == [1, 1]
    keep.run(60)
    assert count(place, events, dispatches) == [0, 0]


class History:
    """Random things that happen to an installation."""

    def __init__(self, place: Place, receiver: Receiver, now: time_machine.Traveller, seed: random.Random) -> None:
        self.place, self.receiver, self.now, self.seed = place, receiver, now, seed
        self.replay = Replay(place.store, place.registry)
        self.keep = Retention(place.store, place.settings)

    def track(self) -> None:
        name, mode, distinct_id = (self.seed.choice(some) for some in (["Purchase", "Lead"], ["live", "test"], "ab"))
        self.place.track(name, mode, distinct_id=distinct_id)

    def identify(self) -> None:
        self.place.identify(self.seed.choice(["live", "test"]), user_id=self.seed.choice("uv"))

    def route(self) -> None:
        self.place.route.run()

    def deliver(self) -> None:
        self.place.deliver.drain(threading.Event(), 5)

    def end(self) -> None:
        """Let whatever is open have ended, or stand still, somehow."""
        for row in self.rows(dispatches, dispatches.c.state.in_(["pending", "held"])):
            state = self.seed.choice(ENDS[row.mode])
            reason = self.seed.choice(["ambiguous", "destination_paused"]) if state == "held" else None
            due = clock.now_ms() if state == "pending" else None
            put(self.place, row.id, state=state, reason=reason, due_at=due)

    def add(self) -> None:
        allow = self.seed.choice([["*"], ["Lead"], ["Lead", "$identify"]])
        self.place.webhook(self.receiver, f"Hook {self.seed.random()}", events=allow)

    def turn(self) -> None:
        for one in self.place.destinations.list():
            verb = self.seed.choice(["pause", "turn_on", "turn_off", "remove", "turn_on"])
            if one.status != "off" or verb != "pause":
                getattr(self.place.destinations, verb)(one.id, actor="cli")

    def again(self) -> None:
        places = [row.id for row in self.rows(destinations)]
        for event in self.rows(events):
            with suppress(Invalid):
                if self.seed.random() < 0.5:
                    self.replay.event(event.id, actor="cli")
                else:
                    self.replay.event_to(event.id, self.seed.choice(places), actor="cli")

    def wait(self) -> None:
        """Time goes by, and retention does its duty: no figure moves, but what was held for too long."""
        self.now.shift(self.seed.choice([1, 15, 31, 91]) * DAY)
        before = balance(self.place)
        assert self.keep.run(10)
        after = balance(self.place)
        expired = before.held - after.held
        assert after == replace(before, held=before.held - expired, stopped=before.stopped + expired)

    def rows(self, table: sa.Table, *where: sa.ColumnElement[bool]) -> Sequence[Any]:
        with self.place.store.read() as connection:
            return connection.execute(sa.select(table).where(*where).order_by(table.c.id)).all()

    def wipe(self) -> None:
        with self.place.store.write() as connection:
            for table in (attempts, dispatches, seen, events, ledger, allowed, destinations):
                connection.execute(sa.delete(table))


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(STEPS), max_size=20), st.integers(0, 999))
def test_whatever_happened_the_balance_is_zero_before_and_after(
    place: Place, receiver: Receiver, now: time_machine.Traveller, steps: list[str], number: int
) -> None:
    history = History(place, receiver, now, random.Random(number))
    history.wipe()
    for step in ["add", "track", "route", *steps, "end", "again", "wait"]:
        getattr(history, step)()
        assert balance(place).difference == 0, step
    assert Reconcile(place.store).check(None) == []
    assert_nothing_is_orphaned(place)
