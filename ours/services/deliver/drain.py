"""The loop of the deliver station: collect answers, record them and claim more in one transaction, begin those."""

import math
import os
import threading
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection

from ours import clock, ids
from ours.core.answer import Answer
from ours.errors import Busy
from ours.plugin import Outcome, Rejected, Unknown
from ours.pool import Pool
from ours.registry import Registry
from ours.services.deliver import letters, tries
from ours.services.deliver.health import Health
from ours.services.deliver.room import Lease, Room
from ours.services.deliver.targets import Targets
from ours.services.deliver.tries import Finished, Try
from ours.settings import Settings
from ours.sink import Sink
from ours.store import Store
from ours.store.queries import dispatches, forgetting
from ours.store.queries.dispatches import Claimed, NewAttempt
from ours.transport import Transport

LEASE = 15 * clock.SECOND
_RENEW_SECONDS = 5.0
_TICK = 0.02
_LAST_WAIT = 3.0


class Deliver:
    """Sends what is due. Any number of these, in any number of processes, share one database."""

    def __init__(self, store: Store, registry: Registry, settings: Settings) -> None:
        self._store = store
        self._holder = f"{os.uname().nodename}:{os.getpid()}:{ids.new_id()[-12:]}"
        self._targets = Targets(registry, store.sealer)
        self._room = Room(self._targets)
        self._health = Health(self._targets)
        self._transport = Transport(settings.allow_networks, proxy=settings.proxy)
        self._sink = Sink()
        self._pool = Pool()
        self._tries: dict[str, Try] = {}
        self._busy: Counter[int] = Counter()
        self._finished: list[Finished] = []
        self._renewed = 0.0

    @property
    def in_flight(self) -> int:
        return len(self._tries) + len(self._finished)

    def drain(self, stop: threading.Event, seconds: float = math.inf, *, claim: bool = True) -> None:
        """Deliver until nothing is due and nothing is under way, for ``seconds`` at most, or until ``stop``.

        What is due and waits for its destination's rate is waited for.

        When the time is up, what is under way stays so: call again. Without ``claim``, nothing new is begun.

        :raises Busy: when the database is away; what was learned by then is recorded at the next call.
        """
        ends = time.monotonic() + seconds
        while not stop.is_set() and time.monotonic() < ends:
            self._collect(_TICK)
            claimed = self._turn(claim=claim)
            self._begin(claimed)
            if not claimed and not self.in_flight:
                if not (claim and self._room.throttled):
                    return
                stop.wait(_TICK)
        if stop.is_set():
            self._end_of_shift()

    def close(self) -> None:
        self._transport.close()
        self._sink.close()
        self._pool.close()

    def _end_of_shift(self) -> None:
        """Claim nothing more, wait a little for what is under way, and call the rest what it is: unknown."""
        patience = time.monotonic() + _LAST_WAIT
        while self._tries and time.monotonic() < patience:
            self._collect(0.1)
        for tag in list(self._tries):
            self._transport.abandon(tag)
            self._conclude(tag, Unknown("worker_stopped", "The worker was stopped before the answer came."))
        self._turn(claim=False)

    def _turn(self, *, claim: bool) -> list[Claimed]:
        """One transaction: record what ended, renew what goes on, claim what fits. None at all without need."""
        now = clock.now_ms()
        wanted = self._wanted(now) if claim else {}
        renew = bool(self._tries) and time.monotonic() - self._renewed > _RENEW_SECONDS
        if not (wanted or self._finished or renew):
            return []
        finished = list(self._finished)
        with self._store.write() as connection:
            settled = dispatches.settle(connection, [item.settled for item in finished], holder=self._holder, now=now)
            dispatches.record(connection, _kept(connection, finished, all_settled=settled == len(finished)))
            self._health.learn(connection, finished, now)
            if renew:
                dispatches.renew(connection, holder=self._holder, until=now + LEASE)
            claimed = self._room.claim(connection, wanted, Lease(self._holder, now, now + LEASE))
        del self._finished[: len(finished)]
        if renew:
            self._renewed = time.monotonic()
        return claimed

    def _wanted(self, now: int) -> dict[int, int]:
        with self._store.read() as connection:
            return self._room.wanted(connection, now, self._busy)

    def _begin(self, claimed: Sequence[Claimed]) -> None:
        if not claimed:
            return
        try:
            with self._store.read() as connection:
                written = letters.write(connection, self._store.sealer, claimed)
        except Busy:
            self._give_back(claimed)
            raise
        for letter in written:
            target = self._targets.get(letter.claimed.destination_id)
            if target is None:
                self._give_back([letter.claimed])
                continue
            attempt = Try(letter, target, clock.now_ms())
            self._tries[letter.claimed.id] = attempt
            self._busy[target.id] += 1
            self._send(letter.claimed.id, attempt)

    def _send(self, tag: str, attempt: Try) -> None:
        """Where test mode and live mode part: the sink keeps the request, or it is sent."""
        outcome = tries.build(attempt)
        request, made, target = attempt.request, attempt.made, attempt.target
        if outcome is not None or request is None or made is None:
            self._conclude(tag, outcome or Rejected("build_failed", "The plugin's build() made nothing."))
        elif attempt.letter.claimed.mode != "live":
            self._sink.submit(tag, request)
        elif target.sends_itself:
            self._pool.submit(tag, target.id, partial(target.plugin.send, made, target.settings))
        else:
            self._transport.submit(tag, request)

    def _collect(self, timeout: float) -> None:
        for answer in self._sink.wait(0):
            attempt = self._remove(answer.tag)
            if attempt:
                self._finished.append(tries.finish_sunk(attempt, clock.now_ms(), self._store.sealer.seal_json))
        if self._pool.in_flight:
            for done in self._pool.wait(0 if self._transport.in_flight else timeout):
                self._conclude(done.tag, done.outcome)
        if self._transport.in_flight:
            for answer in self._transport.wait(0 if self._finished else timeout):
                self._answered(answer)

    def _answered(self, answer: Answer) -> None:
        attempt = self._tries.get(answer.tag)
        if attempt is None:
            return
        if answer.failure is not None:
            self._conclude(answer.tag, tries.conclude_failure(answer.failure), answer)
        elif answer.response is not None:
            self._conclude(answer.tag, tries.read(attempt.target, answer.response), answer)

    def _conclude(self, tag: str, outcome: Outcome, answer: Answer | None = None) -> None:
        attempt = self._remove(tag)
        if attempt:
            seal = self._store.sealer.seal_json
            self._finished.append(tries.finish(attempt, outcome, clock.now_ms(), seal, answer))

    def _remove(self, tag: str) -> Try | None:
        attempt = self._tries.pop(tag, None)
        if attempt:
            self._busy[attempt.target.id] -= 1
        return attempt

    def _give_back(self, claimed: Sequence[Claimed]) -> None:
        with self._store.write() as connection:
            now = clock.now_ms()
            dispatches.give_back(connection, [item.id for item in claimed], holder=self._holder, now=now)


def _kept(connection: Connection, finished: Sequence[Finished], *, all_settled: bool) -> list[NewAttempt]:
    """What is written down of the tries: all, but where a lease was lost, nothing of a visitor forgotten since."""
    attempts = [item.attempt for item in finished]
    if all_settled:
        return attempts
    there = forgetting.live_ones(connection, [one.dispatch_id for one in attempts])
    return [one for one in attempts if one.dispatch_id in there]
