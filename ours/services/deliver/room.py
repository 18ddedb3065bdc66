"""How many dispatches of which destination may begin: fair among destinations, within each one's cap and rate."""

from collections import Counter
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ours.core.pacing import Bucket, share_out
from ours.services.deliver.records import Finished
from ours.services.deliver.targets import Target, Targets
from ours.store.queries import destinations, dispatches
from ours.store.queries.dispatches import Claimed

_MOST = 512
_MOST_PER_POOL = 4
_ALWAYS = 4
# Dispatches that travel in batches have a room of their own, or one batch would fill the other's.
_MOST_IN_BATCHES = 4096
_ALWAYS_IN_BATCHES = 100
_MOMENT = 0.03
_QUICK = 100  # milliseconds, for at half the speed of two cores 64 at a time take 40
_MOST_AHEAD = 4
_LOCKED_WAIT = 5
_LONGEST_WAIT = 1_000


class Lease(NamedTuple):
    """Who takes dispatches in hand, and for how long (milliseconds, by the common clock)."""

    holder: str
    now: int
    until: int


class Room:
    """One worker's room, and what it saw when it looked last: ``idle``, nothing is due; ``throttled``, something is,
    and may begin within a second.
    """

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self._resting: dict[int, int] = {}
        self._turn = 0
        self._looked = monotonic()
        self._pace: Mapping[int, float] = {}
        self.idle = self.throttled = False

    def note(self, finished: Sequence[Finished]) -> None:
        """What ended since the last look: how fast destinations answer that are well.

        What took long does not count: where many begin together, their answers come together, too.
        """
        ended = Counter(one.destination_id for one in finished if one.attempt.duration_ms <= _QUICK)
        for destination_id in {one.destination_id for one in finished if one.tells_of_failure}:
            del ended[destination_id]
        before, self._looked = self._looked, monotonic()
        self._pace = {one: count / (self._looked - before) for one, count in ended.items()}

    def wanted(self, connection: Connection, now: int, busy: Mapping[int, int]) -> dict[int, int]:
        """How many to claim of which destination; ``busy`` says how many of each this worker has under way.

        Each may always have a few under way, however many the others have: nobody waits for strangers to answer.
        """
        with_work = dispatches.with_work(connection, now)
        self.idle, self.throttled = not with_work, False
        if self.idle:
            return {}
        self._targets.refresh(connection)
        wants: dict[bool, dict[int, int]] = {False: {}, True: {}}
        for destination_id in with_work:
            target = self._targets.get(destination_id)
            if target and not self._rests(destination_id, now):
                wants[target.batches][destination_id] = max(self._most(target) - busy.get(destination_id, 0), 0)
        self._turn += 1
        return self._shared(wants[False], busy, _MOST, _ALWAYS, batches=False) | self._shared(
            wants[True], busy, _MOST_IN_BATCHES, _ALWAYS_IN_BATCHES, batches=True
        )

    def _shared(
        self, wants: Mapping[int, int], busy: Mapping[int, int], most: int, always: int, *, batches: bool
    ) -> dict[int, int]:
        taken = sum(count for one, count in busy.items() if count and self._targets.batches(one) == batches)
        shares = share_out(most - taken, wants, self._turn)
        for destination_id, want in wants.items():
            few = min(want, always - busy.get(destination_id, 0))
            if few > shares.get(destination_id, 0):
                shares[destination_id] = few
        return shares

    def claim(self, connection: Connection, wanted: Mapping[int, int], lease: Lease) -> list[Claimed]:
        claimed = []
        for destination_id, most in wanted.items():
            target = self._targets.get(destination_id)
            if target:
                claimed += self._claim(connection, target, most, lease)
        return claimed

    def _claim(self, connection: Connection, target: Target, most: int, lease: Lease) -> list[Claimed]:
        limits = target.limits
        if not (limits.capped or limits.rate_limit or self._targets.breaker(target.id).state != "closed"):
            return _take(connection, target.id, most, lease)
        row = destinations.locked(connection, target.id, skip=True)
        if row is None:
            self._resting[target.id] = lease.now + _LOCKED_WAIT
            return []
        probes = row.breaker == "half_open"
        if probes or limits.capped:
            cap = 1 if probes else self._cap(target)
            most = min(most, cap - dispatches.in_hand(connection, target.id, lease.now))
        if not limits.rate_limit:
            return _take(connection, target.id, most, lease)
        bucket = _bucket(row, limits.rate_limit, lease.now)
        claimed = _take(connection, target.id, min(most, bucket.whole), lease)
        left = bucket.without(len(claimed))
        destinations.change(connection, target.id, {"rate_tokens": left.tokens, "rate_at": left.at})
        if not left.whole:
            self._resting[target.id] = lease.now + min(left.wait, _LONGEST_WAIT)
        return claimed

    def _most(self, target: Target) -> int:
        most = self._cap(target)
        if batching := target.plugin.batching:
            requests = _MOST_PER_POOL if target.sends_itself else target.limits.max_in_flight
            return min(most, requests * batching.max_items, max(batching.max_items, _MOST_IN_BATCHES // 2))
        return min(most, _MOST_PER_POOL) if target.sends_itself else most

    def _cap(self, target: Target) -> int:
        """How many dispatches may be in hand. Where they travel in batches, the limit is about requests."""
        requests = target.limits.max_in_flight
        if batching := target.plugin.batching:
            return requests * batching.max_items
        return max(requests, min(self._ahead(target), _MOST_AHEAD * requests))

    def _ahead(self, target: Target) -> int:
        """How many it answers in a moment: with so many in hand, a look at the database serves more deliveries."""
        return int(self._pace.get(target.id, 0) * _MOMENT) if target.may_run_ahead else 0

    def _rests(self, destination_id: int, now: int) -> bool:
        """Whether it has no tokens, or another worker was at it a moment ago. A clock set back ends the rest."""
        if not 0 < self._resting.get(destination_id, 0) - now <= _LONGEST_WAIT:
            self._resting.pop(destination_id, None)
            return False
        self.throttled = True
        return True


def _take(connection: Connection, destination_id: int, most: int, lease: Lease) -> list[Claimed]:
    if most <= 0:
        return []
    return dispatches.claim(
        connection, destination_id, most, holder=lease.holder, now=lease.now, until=lease.until
    )  # fmt: skip


def _bucket(row: Any, rate: float, now: int) -> Bucket:
    if row.rate_tokens is None or row.rate_at is None:
        return Bucket.full(rate, now)
    return Bucket(rate, row.rate_tokens, row.rate_at).filled(now)
