"""The loop of the deliver station: collect answers, record them and claim more in one transaction, begin those."""

import math
import os
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import Connection

from ours import clock, ids, log, timebox
from ours.errors import Busy
from ours.registry import Registry
from ours.services.deliver import letters
from ours.services.deliver.asking import Asking
from ours.services.deliver.crashes import Crashes
from ours.services.deliver.health import Health
from ours.services.deliver.in_hand import InHand, Told
from ours.services.deliver.letters import Letter, Sealed
from ours.services.deliver.outbox import Outbox
from ours.services.deliver.records import Finished
from ours.services.deliver.room import Lease, Room
from ours.services.deliver.targets import Targets
from ours.services.deliver.tries import Try
from ours.settings import Settings
from ours.store import Store
from ours.store.queries import destinations, dispatches, forgetting, moments
from ours.store.queries.dispatches import NewAttempt
from ours.transport import Bell, Transport

LEASE = 15 * clock.SECOND
_RENEW_SECONDS = 5.0
_COMPARE_SECONDS = 1.0
_JUMP = 100
"""Milliseconds. A clock that was set by more is compared at once: by it, leases would be over, or last long."""
_TICK = 0.01
_LAST_WAIT = 3.0
_logger = log.get("deliver")


class Deliver:
    """Sends what is due. Any number of these, in any number of processes, share one database.

    ``holder`` is what its leases are called.
    """

    def __init__(self, store: Store, registry: Registry, settings: Settings) -> None:
        self._store = store
        self.holder = f"{os.uname().nodename}:{os.getpid()}:{ids.new_id()[-12:]}"
        self._targets = Targets(registry, store.sealer)
        self._room = Room(self._targets)
        self._health = Health(self._targets)
        self._settings = settings
        self._crashes = Crashes(store, self._targets, self._health)
        self._has_heard = False
        self._asking = Asking(store, self.holder)
        self._in_hand = InHand()
        self._outbox = self._new_outbox()
        self._renewed = 0.0
        self._apart, self._compared = 0, -math.inf
        self._jumps = clock.Jumps()

    @property
    def in_flight(self) -> int:
        return len(self._in_hand)

    def drain(
        self, stop: threading.Event, seconds: float = math.inf, *, claim: bool = True, bell: Bell | None = None
    ) -> None:
        """Deliver until nothing is due and nothing is under way, for ``seconds`` at most, or until ``stop``.

        What is due and waits for its destination's rate is waited for.

        When the time is up, what is under way stays so: call again. Without ``claim``, nothing new is begun. ``bell``
        rings when something may have become due, so that it is not left until the next look.

        :raises Busy: when the database is away; what was learned by then is recorded at the next call.
        :raises Unsealable: when our secret keys are not this database's.
        """
        self._store.vouch()
        with timebox.armed():
            try:
                self._drain(stop, time.monotonic() + seconds, bell, claim=claim)
                self._wait_for_disk()
            except Busy:
                raise
            except BaseException:
                self._begin_anew()
                raise

    def _drain(self, stop: threading.Event, ends: float, bell: Bell | None, *, claim: bool) -> None:
        if not self._has_heard:
            self._crashes.hear(self._settings.home)
            self._has_heard = True
        while not stop.is_set() and time.monotonic() < ends:
            self._wait_for_disk()
            self._outbox.collect(_TICK, bell)
            ended = bool(self._in_hand.finished)  # so that what waited for its turn may be free now
            sealed = self._turn(claim=claim)
            self._begin(sealed)
            waits = self._room.throttled or (ended and not self._room.idle)
            if not (sealed.claimed or self.in_flight or (claim and waits)):
                return
            if not (sealed.claimed or ended or self._outbox.on_their_way):
                stop.wait(_TICK)
        if stop.is_set():
            self._end_of_shift()

    def close(self) -> None:
        self._outbox.close()

    def _begin_anew(self) -> None:
        """After a bug of ours: as at the end of a shift, as far as that goes. No lease that is left is renewed."""
        with suppress(Exception):
            self._end_of_shift()
        self._outbox.close()
        self._in_hand = InHand()
        self._outbox = self._new_outbox()

    def _new_outbox(self) -> Outbox:
        transport = Transport(self._settings.allow_networks, proxy=self._settings.proxy)
        return Outbox(self._in_hand, transport, self._store.sealer.seal_json, self._asking.again, self._now)

    def _end_of_shift(self) -> None:
        """Claim nothing more, wait a little for what is under way, and call the rest what it is: unknown."""
        self._wait_for_disk()
        self._outbox.withdraw()
        patience = time.monotonic() + _LAST_WAIT
        while self._outbox.on_their_way and time.monotonic() < patience:
            self._outbox.collect(0.1)
        self._outbox.give_up()
        self._turn(claim=False)

    def _turn(self, *, claim: bool) -> Sealed:
        """One transaction: record what ended, give back, renew what goes on, claim what fits. None without need."""
        renew = bool(self._in_hand.ids) and time.monotonic() - self._renewed > _RENEW_SECONDS
        told = self._in_hand.told()
        self._room.note(told.finished)
        needed = any(told) or renew
        wanted = self._wanted() if claim and not needed else {}
        if not (needed or wanted):
            return Sealed()
        with self._store.write(wait=False) as connection:
            self._compare(connection)
            now = self._now()
            self._write_down(connection, told, now)
            if renew:
                dispatches.renew(connection, self._in_hand.ids, holder=self.holder, until=now + LEASE)
            if claim and needed:
                wanted = self._look(connection, now)
            claimed = self._room.claim(connection, wanted, Lease(self.holder, now, now + LEASE))
            sealed = letters.find(connection, claimed)
        self._in_hand.wrote(told)
        if told.held:
            _logger.warning("held", dispatches=len(told.held), reasons=dict(Counter(told.held.values())))
        if renew:
            self._renewed = time.monotonic()
        return sealed

    def _now(self) -> int:
        """What is due, and until when, others look at, too: so it goes by a clock that all of them share."""
        return clock.now_ms() + self._apart

    def _compare(self, connection: Connection) -> None:
        if self._store.is_sqlite:  # all share this machine's clock
            return
        jumped = abs(self._jumps.since_last()) > _JUMP
        if jumped or time.monotonic() - self._compared > _COMPARE_SECONDS:
            self._apart, self._compared = moments.common(connection) - clock.now_ms(), time.monotonic()

    def _wait_for_disk(self) -> None:
        """Requests are built while it takes the claims, and leave afterwards. If it did not take them, none leaves."""
        try:
            self._store.flushed()
        except Busy:
            self._outbox.withdraw()
            raise

    def _write_down(self, connection: Connection, told: Told, now: int) -> None:
        self._record(connection, told.finished, now)
        dispatches.give_back(connection, told.unsent, holder=self.holder, now=now)
        dispatches.stop_forgotten(connection, told.forgotten, holder=self.holder, now=now)
        dispatches.hold_unopened(connection, told.held, holder=self.holder, now=now)

    def _record(self, connection: Connection, finished: Sequence[Finished], now: int) -> None:
        going_on = [one.attempt.dispatch_id for one in finished if one.settled is None]
        dispatches.go_on(connection, going_on, holder=self.holder, now=now)
        settled = [one.settled for one in finished if one.settled]
        mine = dispatches.settle(connection, settled, holder=self.holder, now=now)
        dispatches.record(connection, _kept(connection, finished, all_settled=mine == len(finished)))
        self._health.learn(connection, finished, now, self._outbox.builds)

    def _wanted(self) -> dict[int, int]:
        """A look that keeps no other process from writing."""
        with self._store.read() as connection:
            self._compare(connection)
            return self._look(connection, self._now())

    def _look(self, connection: Connection, now: int) -> dict[int, int]:
        """What is to be claimed. What we have for those that told another worker to wait is handed back."""
        for destination_id in destinations.resting(connection, now) if self._outbox.waits else ():
            self._outbox.let_rest(destination_id)
        return self._room.wanted(connection, now, self._in_hand.busy)

    def _begin(self, sealed: Sealed) -> None:
        now = self._now()
        written, self._in_hand.held = letters.write(sealed, self._store.sealer, self._targets.shut)
        self._outbox.add([self._begun(one, now) for one in written])

    def _begun(self, letter: Letter, now: int) -> Try:
        target = self._targets[letter.claimed.destination_id]
        return Try.begun(letter, target, now, probes=self._targets.breaker(target.id).state == "half_open")


def _kept(connection: Connection, finished: Sequence[Finished], *, all_settled: bool) -> list[NewAttempt]:
    """What is written down of the tries: all, but where a lease was lost, nothing of a visitor forgotten since."""
    attempts = [item.attempt for item in finished]
    if all_settled:
        return attempts
    there = forgetting.live_ones(connection, [one.dispatch_id for one in attempts])
    return [one for one in attempts if one.dispatch_id in there]
