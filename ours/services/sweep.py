"""The safety net: frees what dead workers had in hand, puts what waits where it belongs, and pokes whoever has work."""

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from ours import clock, log
from ours.core import retry
from ours.errors import DAMAGED, UNROUTABLE, Busy, key_missing
from ours.plugin import Unknown
from ours.queue import Queue
from ours.registry import Registry
from ours.services.deliver.drain import LEASE
from ours.services.deliver.exchange import exchange
from ours.services.destinations import Destinations, backlog
from ours.services.destinations.fitting import UNFIT
from ours.services.destinations.limits import schedule
from ours.store import Store, binding
from ours.store.queries import backlog as waiting
from ours.store.queries import destinations, dispatches, events, moments
from ours.store.queries.dispatches import NewAttempt, Settled

_logger = log.get("sweep")
_BATCH = 500
_SLACK = 30 * clock.SECOND
"""So far may the clocks of two machines be apart."""
_LOOK_REST, _LOOK_SHARE = 10.0, 20
"""Seconds between two looks for what others wrote down in the future; and how many times as long as one took."""
_UNCLAIMED = clock.MINUTE
"""So long is what waits for a plugin that is not here left to others: while they are restarted, some may have it."""
_PAUSE = LEASE - 5 * clock.SECOND
"""Who renews its leases every five seconds loses none to a shorter pause."""
_CHANCE = 10.0
"""Seconds after a pause in which who lives renews its leases."""
_NEVER = 0
_MOST_LOST = 5
"""So many workers may end with one dispatch in hand: it may be what ends them."""
_LOST = Unknown("lease_lost", "The worker that had it in hand ended before it could record an answer.")


class Sweep:
    def __init__(self, store: Store, registry: Registry, queue: Queue) -> None:
        self._store = store
        self._registry = registry
        self._queue = queue
        self._jumps = clock.Jumps()
        self._set_back = True  # for all that is known at the start
        self._look_due = 0.0
        self._looked: int | None = None
        self._spares_until: float | None = None
        self._follows_pause = False  # the last look did
        self._tried_damaged = False
        self._seen_aside = events.FIRST_ASIDE

    def run(self) -> None:
        """Free, hold and release once.

        :raises Busy: when the database is away, or the clock is wrong.
        """
        self._run(spare=False)

    def tick(self) -> None:
        """The same, once a second. After a pause, whoever was in it too is given the time to renew what it has in hand.

        The machine slept, the clock was set forward, or nobody could write: the database said nothing, or somebody had
        locked the dispatches. The answers are with the holders, and would be worth nothing.

        :raises Busy: as ``run`` does.
        """
        self._run(spare=True)

    def stand_by(self) -> None:
        """To be called once a second while another process sweeps: who takes over then notices a pause, too.

        :raises Busy: when the database is away.
        """
        with self._store.read() as connection:
            self._looked = moments.common(connection)

    def _run(self, *, spare: bool) -> None:
        self._store.check_clock()
        self._mend_moments()
        self.free_lost(spare=spare)
        self._try_broken()
        backlog.settle_strays(self._store)
        self._hold_missing_plugins()
        self._release_missing_plugins()
        self._release_opened()
        self._release_mended()
        Destinations(self._store, self._registry).remove_drained()

    def poke(self) -> None:
        """Poke every station that has work waiting: what a lost poke left behind is found here."""
        with self._store.read() as connection:
            unrouted = events.any_unrouted(connection)
            due = dispatches.with_work(connection, moments.common(connection))
        if unrouted:
            self._queue.poke("route")
        if due:
            self._queue.poke("deliver")

    def _mend_moments(self) -> None:
        """What was written in what is now the future would wait until then, so it is moved: the clock was set back, or
        another machine's is ahead, or was when it wrote."""
        self._set_back |= self._jumps.since_last() < -_SLACK
        begun = time.monotonic()
        if self._set_back or (not self._store.is_sqlite and begun >= self._look_due):
            while self._pull_back("clock_was_set_back" if self._set_back else "a_clock_is_ahead"):
                pass
            self._set_back = False
            took = time.monotonic() - begun
            self._look_due = begun + max(_LOOK_REST, _LOOK_SHARE * took)

    def _pull_back(self, why: str) -> bool:
        with self._store.read() as connection:
            now = moments.common(connection)
            ids = dispatches.ahead(connection, now + _SLACK, _BATCH)
        if ids:
            _logger.warning(why, dispatches=len(ids))
            with self._store.write() as connection:
                dispatches.pull_back(connection, ids, now, now + LEASE)
        return bool(ids)

    def free_lost(self, *, spare: bool = False) -> int:
        """A lease that ran out: its holder died between claiming and recording, so nobody knows whether it was sent.

        Answers how many it was; there may be more. ``spare``: none for a while after a pause.
        """
        try:
            with self._store.read() as connection:
                dispatches.be_let_in(connection)
                now = moments.common(connection)
                found = dispatches.lost(connection, now, 1)
        except Busy:
            if self._spares_until is not None:
                self._spares_until = time.monotonic() + _CHANCE
            raise
        if (spare and self._spares(now)) or not found:
            return 0
        looked, self._looked = self._looked, _NEVER  # if this can't be written, nobody could renew a lease
        with self._store.write() as connection:  # looked at again: a holder that hung may have recorded meanwhile
            rows = dispatches.lost(connection, now, _BATCH, steady=True)
            before = dispatches.losses(connection, [row.id for row in rows], _LOST.code)
            for row in rows:
                settled = self._settled(row, now, before.get(row.id, 0) + 1)
                dispatches.settle(connection, [settled], holder=row.lease, now=now)
            dispatches.record(connection, [self._attempt(row, now) for row in rows])
        self._looked = looked
        if rows:
            _logger.warning("leases_lost", count=len(rows))
        return len(rows)

    def _spares(self, now: int) -> bool:
        """``now`` by the clock that leases go by."""
        passed, pause = time.monotonic(), now - (now if self._looked is None else self._looked)
        follows_pause, self._follows_pause = self._follows_pause, pause > _PAUSE
        if pause > _PAUSE and (self._spares_until is None or not follows_pause):  # who is slow does not spare for ever
            self._spares_until = passed + _CHANCE
            _logger.warning("leases_spared", paused_seconds=round(pause / clock.SECOND))
        elif self._spares_until is not None and passed >= self._spares_until:
            self._spares_until = None
        self._looked = now
        return self._spares_until is not None

    def _settled(self, row: Row[Any], now: int, losses: int) -> Settled:
        if losses >= _MOST_LOST:
            return Settled(row.id, "exhausted" if row.mode == "live" else "rejected", "ends_workers", None)
        if row.mode == "test":
            return Settled(row.id, "pending", None, now)
        plugin = self._registry.plugin(row.slug)
        decision = retry.decide(
            _LOST,
            attempt=row.attempts - row.spared,
            now=now,
            dispatch_id=row.id,
            dedupes=plugin is not None and plugin.dedupes,
            mode="live",
            schedule=schedule(row.retry_schedule),
        )
        return Settled(row.id, decision.state, decision.reason, decision.due_at)

    def _attempt(self, row: Row[Any], now: int) -> NewAttempt:
        kept = exchange(None, None, _LOST.message, {})
        return NewAttempt(
            dispatch_id=row.id,
            number=row.attempts,
            started_at=row.updated_at,
            duration_ms=now - row.updated_at,
            outcome="unknown",
            code=_LOST.code,
            status=None,
            plugin_version="",
            config_version=0,
            exchange=self._store.sealer.seal_json(kept, binding.attempt(row.id, row.attempts)),
        )

    def _hold_missing_plugins(self) -> None:
        """A plugin is not there any more: what waits for it, and nobody took, is held until it is back."""
        with self._store.read() as connection:
            moment = moments.common(connection) - _UNCLAIMED
            on = [row for row in destinations.to_route(connection) if row.status == "on"]
            missing = [row.id for row in on if self._registry.plugin(row.slug) is None]
            overdue = [one for one in missing if waiting.is_overdue(connection, one, moment)]
        for destination_id in overdue:
            _logger.warning("plugin_missing", destination=destination_id)
            backlog.hold_overdue(self._store, destination_id, moment)

    def _release_missing_plugins(self) -> None:
        """A plugin that was missing is there again: what was held for it goes on. It says whether in order."""
        with self._store.read() as connection:
            found = waiting.holding(connection, backlog.MISSING)
        for row in found:
            if plugin := self._registry.plugin(row.slug):
                self._release(row.id, backlog.MISSING, in_order=plugin.ordered)

    def _release_opened(self) -> None:
        """A secret key that was missing is there again: what was held, or set aside, for it goes on.

        What is damaged, or could not be routed, is tried once more at the start: it may have been put right.
        """
        reasons = [key_missing(one) for one in self._store.sealer.key_ids]
        reasons += [] if self._tried_damaged else [DAMAGED, UNROUTABLE]
        for reason in reasons:
            with self._store.read() as connection:
                found = waiting.holding(connection, reason)
            for row in found:
                self._release(row.id, reason)
        self._take_back(reasons)
        self._tried_damaged |= self._seen_aside == events.FIRST_ASIDE

    def _release_mended(self) -> None:
        """What did not fit its plugin does again: what was held for it goes on."""
        for reason in UNFIT:
            with self._store.read() as connection:
                found = waiting.holding(connection, reason)
            for row in found:
                one = Destinations(self._store, self._registry).get(row.id)
                if one.loaded and not one.unfit:
                    self._release(row.id, reason)

    def _take_back(self, reasons: Sequence[str]) -> None:
        """Of the events that were set aside, so many at a time, in turn: what may be opened by now is routed."""
        with self._store.read() as connection:
            found = events.aside_after(connection, self._seen_aside, _BATCH)
        self._seen_aside = found[-1] if len(found) == _BATCH else events.FIRST_ASIDE
        if back := [one.id for one in found if one.reason in reasons]:
            with self._store.write() as connection:
                events.take_back(connection, back)

    def _release(self, destination_id: int, reason: str, *, in_order: bool = True) -> None:
        with self._store.write() as connection:
            row = destinations.locked(connection, destination_id)
            if not in_order:
                waiting.take_any_order(connection, destination_id, reason, backlog.PART)
            backlog.release(connection, row, reason)

    def _try_broken(self) -> None:
        """A breaker whose pause is over is half open: one live dispatch after the other is let go, until one works."""
        with self._store.read() as connection:
            found = [row for row in destinations.with_open_breaker(connection) if self._registry.plugin(row.slug)]
            now = moments.common(connection)
        for row in found:
            if row.breaker == "half_open" or backlog.breaker_of(row).may_be_tried(now):
                with self._store.write() as connection:
                    _let_one_go(connection, destinations.locked(connection, row.id))


def _let_one_go(connection: Connection, row: Any) -> None:
    breaker = backlog.breaker_of(row)
    if breaker.may_be_tried(moments.common(connection)):
        breaker = breaker.half_opened()
        destinations.change(connection, row.id, backlog.breaker_columns(breaker))
        _logger.info("breaker_half_open", destination=row.id, name=row.name)
    if row.status == "on" and breaker.state == "half_open":
        backlog.probe(connection, row)
