"""Whatever happens in whatever order: each event and destination stand in exactly one state, and nothing is lost.

A machine drives a whole installation by chance and compares it, after each step, with a model of what may be so.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
import time_machine
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from ours import clock
from ours.core.retry import TERMINAL
from ours.plugin import Delivered, Outcome, Rejected, Retry, Skipped, Unauthorized, Unknown
from ours.services.overview import Overview
from ours.services.replay import Filter, Replay
from ours.services.retention import Retention
from ours.store.tables import attempts, dispatches
from tests.services.conftest import Place
from tests.services.scripted import Scripted, deliver, die, route_all, scripted, sweep_of

REPLAYABLE = frozenset({"rejected", "exhausted", "stopped", "held", "delivered", "sunk"})
OUTCOMES: list[Outcome] = [
    Delivered(),
    Skipped("not_mine"),
    Rejected("http_400", "No."),
    Unauthorized("http_401", "Who are you?"),
    Retry("http_503", "Later."),
    Retry("http_429", "Slowly.", 7.0),
    Retry("http_429", "Slowly.", 7.0, throttle=True),
    Unknown("timeout", "Who knows."),
]
WHICH = st.integers(0, 1)


class Installation(RuleBasedStateMachine):
    """Two destinations, one with a cap, a short schedule and a drain rate; the model is what was told and seen."""

    place: Place

    def __init__(self) -> None:
        super().__init__()
        place = scripted(self.place)
        with place.store.write() as connection:
            for table in ("attempts", "dispatches", "events", "seen", "visitors", "allowed", "destinations"):
                connection.execute(sa.text(f"DELETE FROM {table}"))
        hurried = {"max_in_flight": 2, "retry_schedule": [2, 9], "drain_rate": 5}
        self.hooks = [
            place.destinations.add("scripted", name, {}, events=["*"], limits=limits, actor="cli").id
            for name, limits in [("Plain", {}), ("Hurried", hurried)]
        ]
        self.events: list[str] = []
        self.ended: dict[str, tuple[str, str | None]] = {}
        self.replays = Replay(place.store, place.registry)
        self.opened = ExitStack()
        self.clock = self.opened.enter_context(time_machine.travel(clock.now_ms() / 1000, tick=False))

    @rule(count=st.integers(1, 8), mode=st.sampled_from(["live", "live", "live", "test"]))
    def track(self, count: int, mode: str) -> None:
        self.events += [self.place.track(mode=mode).event_id for _ in range(count)]

    @rule()
    def route(self) -> None:
        route_all(self.place)

    @rule(outcomes=st.lists(st.sampled_from(OUTCOMES), max_size=6))
    def deliver(self, outcomes: list[Outcome]) -> None:
        Scripted.outcomes.extend(outcomes)
        with self._nothing_spent_on_the_closed_off():
            deliver(self.place)

    @rule(outcome=st.sampled_from([Retry("connect_failed", "Nobody."), Unauthorized("http_403", "No.")]))
    def break_down(self, outcome: Outcome) -> None:
        self.track(13, "live")
        route_all(self.place)
        Scripted.outcomes.extend([outcome] * 26)
        with self._nothing_spent_on_the_closed_off():
            deliver(self.place)
        Scripted.outcomes.clear()

    @rule()
    def die(self) -> None:
        with self._nothing_spent_on_the_closed_off():
            die(self.place)

    @rule(states=st.sets(st.sampled_from(sorted(REPLAYABLE)), min_size=1), limit=st.integers(1, 4), fresh=st.booleans())
    def replay(self, states: set[str], limit: int, fresh: bool) -> None:
        """Makes new dispatches that name old ones, as many as it says, and none for what may not go."""
        before = {row.id for row in self._rows()}
        wanted = Filter(states=frozenset(states))
        may = self.replays.preview(wanted)
        done = self.replays.many(wanted, actor="cli", limit=limit, fresh_id=fresh)
        made = [row for row in self._rows() if row.id not in before]
        assert done == len(made) == min(limit, may.count)
        assert all(row.replay_of in before and row.state in {"pending", "held"} for row in made)
        for row in made:
            if self.ended.get(row.replay_of) is None:  # it was held as ambiguous, and its replay took over
                self.ended[row.replay_of] = ("stopped", "replayed")

    @rule(which=WHICH)
    def give_up_holding(self, which: int) -> None:
        """What has been held for too long is stopped; nothing else is."""
        held = {row.id for row in self._rows() if row.state == "held" and row.updated_at < clock.now_ms() - 86_400_000}
        if which:
            self.clock.shift(2 * 86_400)
            held = {row.id for row in self._rows() if row.state == "held"}
        Retention(self.place.store, replace(self.place.settings, keep_held_days=1)).run()
        assert {row.id for row in self._rows() if row.id in held and row.reason == "expired"} == held

    @rule()
    def sweep(self) -> None:
        sweep_of(self.place).run()

    @rule(seconds=st.sampled_from([1, 8, 16, 31, 700]))
    def wait(self, seconds: int) -> None:
        self.clock.shift(seconds)

    @rule(which=WHICH, verb=st.sampled_from(["pause", "resume", "turn_off", "turn_on"]))
    def switch(self, which: int, verb: str) -> None:
        hook = self.hooks[which]
        if self.place.destinations.get(hook).status != "off" or verb.startswith("turn"):
            getattr(self.place.destinations, verb)(hook, actor="cli")

    @invariant()
    def each_pair_stands_once_and_what_ended_stays_ended(self) -> None:
        for row in self._rows():
            assert self.ended.get(row.id, (row.state, row.reason)) == (row.state, row.reason)
            if row.state in TERMINAL:
                self.ended[row.id] = (row.state, row.reason)
        with self.place.store.read() as connection:
            firsts = sa.select(dispatches.c.event_id, dispatches.c.destination_id, sa.func.count())
            firsts = firsts.where(dispatches.c.replay_of.is_(None))
            pairs = connection.execute(firsts.group_by(dispatches.c.event_id, dispatches.c.destination_id)).all()
        assert all(count == 1 for _, _, count in pairs)
        assert {event for event, _, _ in pairs} <= set(self.events)
        assert len(pairs) % len(self.hooks) == 0

    @invariant()
    def the_difference_is_zero(self) -> None:
        balance = Overview(self.place.store, self.place.registry).balance()
        assert balance.difference == 0
        replays = sum(row.replay_of is not None for row in self._rows())
        assert balance.expected == len(self.events) * len(self.hooks) + replays

    @invariant()
    def no_chain_of_replays_forks_and_only_its_last_is_open(self) -> None:
        rows = self._rows()
        repeated = Counter(row.replay_of for row in rows if row.replay_of)
        assert all(count == 1 for count in repeated.values())
        assert all(row.state in TERMINAL for row in rows if row.id in repeated)

    @invariant()
    def what_is_a_test_is_never_sent(self) -> None:
        delivered = {row.delivery_id or row.id for row in self._rows() if row.mode == "test"}
        assert not delivered & set(Scripted.sent)

    @invariant()
    def every_try_that_ended_is_kept_and_none_is_counted_twice(self) -> None:
        with self.place.store.read() as connection:
            query = sa.select(attempts.c.dispatch_id, sa.func.count()).group_by(attempts.c.dispatch_id)
            kept: dict[str, int] = {dispatch: count for dispatch, count in connection.execute(query)}  # noqa: C416
        for row in self._rows():
            assert row.attempts - kept.get(row.id, 0) == (row.state == "sending")

    @invariant()
    def whatever_is_held_or_stopped_has_a_reason_to(self) -> None:
        reasons = {
            "held": {"destination_paused", "breaker_open", "ambiguous"},
            "stopped": {"destination_off", "not_mine", "replayed", "expired"},
        }
        assert all(row.reason in reasons[row.state] for row in self._rows() if row.state in reasons)

    def teardown(self) -> None:
        """In the end all is well again, and everything comes to an end."""
        with self.opened:
            self._mend()
            for _ in range(12):
                deliver(self.place)
                self.clock.shift(700)
                sweep_of(self.place).run()
            waiting = {(row.state, row.reason) for row in self._rows() if row.state not in TERMINAL}
            assert waiting <= {("held", "ambiguous")}
            self.each_pair_stands_once_and_what_ended_stays_ended()
            self.the_difference_is_zero()
            assert sum(row.replay_of is None for row in self._rows()) == len(self.events) * len(self.hooks)

    def _mend(self) -> None:
        Scripted.outcomes.clear()
        for hook in self.hooks:
            self.place.destinations.turn_on(hook, actor="cli")
        route_all(self.place)

    @contextmanager
    def _nothing_spent_on_the_closed_off(self) -> Iterator[None]:
        """Destinations that are not on, or whose breaker is open, see no try begin."""
        closed = [one.id for one in self.place.destinations.list() if one.status != "on" or one.breaker.state == "open"]
        before = self._tries()
        yield
        after = self._tries()
        assert [after[hook] for hook in closed] == [before[hook] for hook in closed]

    def _tries(self) -> Counter[int]:
        tries: Counter[int] = Counter()
        for row in self._rows():
            tries[row.destination_id] += row.attempts
        return tries

    def _rows(self) -> Any:
        with self.place.store.read() as connection:
            return connection.execute(sa.select(dispatches)).all()


def test_whatever_happens_each_dispatch_is_in_one_state_and_the_balance_is_zero(
    place: Place, engine_kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Installation, "place", place, raising=False)
    chosen = settings(
        max_examples=8 if engine_kind == "sqlite" else 4,
        stateful_step_count=20,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Installation, settings=chosen)
