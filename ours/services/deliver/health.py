"""Learns from tries how destinations fare: keeps their breakers, and pauses those that need a person."""

import math
from collections.abc import Callable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection

from ours import log
from ours.core import breaker as breakers
from ours.core import subjects
from ours.core.breaker import CLOSED, PAUSED_FOR, Breaker, Verdict, Window
from ours.services import audit
from ours.services.deliver.records import Finished
from ours.services.deliver.targets import Targets
from ours.services.destinations import backlog
from ours.store.queries import destinations

_logger = log.get("deliver")
_of_destination = attrgetter("destination_id")


class Health:
    """One worker's view. What is in a row is shared by all workers; the rate of failures is each one's own."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self._windows: dict[int, Window] = {}

    def learn(
        self, connection: Connection, finished: Sequence[Finished], now: int, builds: Callable[[int], bool]
    ) -> None:
        """Take note of tries that ended. Touches no row of a destination that works and did so before.

        ``builds`` says whether a destination's plugin has built what is under way: then one that it could not build is
        an event's fault.
        """
        self._let_rest(connection, finished, now)
        told = sorted((one for one in finished if one.verdict), key=_of_destination)
        for destination_id, group in groupby(told, _of_destination):
            verdicts = [one.verdict for one in group if one.verdict]
            if "build_failed" in verdicts and builds(destination_id):
                verdicts = [one for one in verdicts if one != "build_failed"]
            window = self._windows.setdefault(destination_id, Window())
            for verdict in verdicts:
                window.note(now, failed=verdict == "failed")
            told_before = self._targets.breaker(destination_id) != CLOSED
            if verdicts and (set(verdicts) != {"worked"} or told_before):
                self._judge(connection, destination_id, verdicts, now)

    def blame(self, connection: Connection, destination_id: int, verdict: Verdict, now: int) -> None:
        """Take note of a try that another worker did not live to tell of."""
        self._windows.setdefault(destination_id, Window())
        self._judge(connection, destination_id, [verdict], now)

    def _let_rest(self, connection: Connection, finished: Sequence[Finished], now: int) -> None:
        """Those that told us to slow down are left alone until they said, by all workers."""
        for destination_id in sorted({one.destination_id for one in finished if one.rests}):
            longest = max(one.rests or 0 for one in finished if one.destination_id == destination_id)
            until = now + min(math.ceil(longest * 1000), destinations.LONGEST_REST)
            destinations.let_rest(connection, destination_id, until, now)
            _logger.info("destination_rests", destination=destination_id, until=until)

    def _judge(self, connection: Connection, destination_id: int, verdicts: Sequence[Verdict], now: int) -> None:
        row = destinations.locked(connection, destination_id)
        if row is None or row.status != "on":
            return
        before = after = backlog.breaker_of(row)
        failing = self._windows[destination_id].mostly_failing
        for verdict in verdicts:
            after = breakers.after(after, verdict, now, mostly_failing=failing)
        if after == before:
            return
        self._targets.note(destination_id, after)
        changes = backlog.breaker_columns(after)
        if after.state != before.state:
            self._windows.pop(destination_id, None)
            changes["drained_until"] = None
            _say(row, after)
        if after.refuses:
            reason = next(PAUSED_FOR[one] for one in reversed(verdicts) if one in PAUSED_FOR)
            changes |= _paused(connection, row, after, reason, now)
        destinations.change(connection, destination_id, changes)


def _say(row: Any, breaker: Breaker) -> None:
    tell = _logger.warning if breaker.state == "open" else _logger.info
    told = {"failures": breaker.failures, "until": breaker.until}
    tell(f"breaker_{breaker.state}", destination=row.id, name=row.name, **told)


def _paused(connection: Connection, row: Any, breaker: Breaker, reason: str, now: int) -> dict[str, Any]:
    """It needs a person: no further dispatch is spent on it. What waits is held by the next sweep."""
    detail = {"reason": reason, "refusals": breaker.refusals}
    audit.record(connection, "ours", "pause", subjects.destination(row.id), detail)
    _logger.error("destination_paused", destination=row.id, name=row.name, **detail)
    return {"status": "paused", "paused_for": reason, "updated_at": now}
