"""Puts the dispatches that wait for a destination where its status and its breaker say, a part at a time."""

from contextlib import suppress
from functools import partial
from typing import Any

from sqlalchemy import Connection

from ours.core import pacing
from ours.core.breaker import CLOSED, Breaker
from ours.errors import Busy
from ours.store import Store
from ours.store.queries import backlog as queries
from ours.store.queries import destinations, moments

PART = 500
"""So many dispatches are moved in one transaction."""
_PARTS = 40
"""So many transactions at one go; the next sweep does the rest."""
PAUSED = "destination_paused"
OPEN = "breaker_open"
MISSING = "plugin_missing"


def settle(connection: Connection, row: Any) -> int:
    """Move a part of what waits for a destination to where it belongs; how many that was."""
    now = moments.common(connection)
    if row.status in {"off", "removed"}:
        return queries.stop(connection, row.id, f"destination_{row.status}", now, PART)
    if row.status == "paused":
        return queries.hold(connection, row.id, PAUSED, now, PART)
    if row.breaker == "open":
        return queries.hold(connection, row.id, OPEN, now, PART)
    if row.breaker == "closed":
        return release(connection, row, PAUSED) or release(connection, row, OPEN)
    return 0


def settle_all(store: Store, destination_id: int) -> int:
    """Move all that waits, each part in a transaction of its own; how many that was."""
    moved = 0
    for _ in range(_PARTS):
        with store.write() as connection:
            row = destinations.locked(connection, destination_id)
            part = settle(connection, row) if row else 0
        moved += part
        if not part:
            break
    return moved


def settle_strays(store: Store) -> int:
    """Move what lies where it should not: it came in while a status changed, or a breaker opened or closed."""
    with store.read() as connection:
        found = queries.strays(connection)
    return sum(settle_all(store, destination_id) for destination_id in found)


def hold_overdue(store: Store, destination_id: int, moment: int) -> None:
    """Hold what has been due since before that moment, for nobody has the plugin that it needs."""
    for _ in range(_PARTS):
        with store.write() as connection:
            row = destinations.locked(connection, destination_id)
            on = row is not None and row.status == "on"
            now = moments.common(connection)
            if not on or not queries.hold(connection, destination_id, MISSING, now, PART, due_before=moment):
                return


def settle_now(store: Store, destination_id: int) -> None:
    """Move what can be moved now. If the database goes away in between, the next sweep does the rest; all of it, where
    this is a part of a larger transaction: everybody would wait for that."""
    if store.within_whole:
        return
    with suppress(Busy):
        settle_all(store, destination_id)


def count(connection: Connection, destination_id: int, status: str) -> int:
    """How many dispatches a change to ``status`` concerns."""
    if status == "on":
        return sum(queries.count_held(connection, destination_id, reason) for reason in (PAUSED, OPEN))
    waiting = queries.count_waiting(connection, destination_id)
    return waiting if status == "paused" else waiting + queries.count_held(connection, destination_id)


def release(connection: Connection, row: Any, reason: str) -> int:
    """Let a part of what is held for ``reason`` go on, at the destination's drain rate if it has one; how many."""
    now = moments.common(connection)
    start = max(now, row.drained_until or 0) if row.drain_rate else now
    dues = partial(pacing.spread, rate=row.drain_rate, start=start)
    freed = queries.release(connection, row.id, reason, dues, now=now, limit=PART)
    if freed and row.drain_rate:
        until = pacing.spread(freed + 1, row.drain_rate, start)[-1]
        destinations.change(connection, row.id, {"drained_until": until})
    return freed


def probe(connection: Connection, row: Any) -> None:
    """For a half-open breaker: let one live dispatch go, and the test ones, which the destination never sees."""
    now = moments.common(connection)
    ahead = partial(pacing.spread, rate=None, start=now - 1)  # or a probe that fails would keep them held
    queries.release(connection, row.id, OPEN, ahead, now=now, limit=PART, mode="test")
    dues = partial(pacing.spread, rate=None, start=now)
    if queries.is_being_tried(connection, row.id, now):
        return
    for reason in (OPEN, PAUSED):
        if queries.release(connection, row.id, reason, dues, now=now, limit=1, mode="live"):
            return


def breaker_of(row: Any) -> Breaker:
    return Breaker(row.breaker, row.breaker_failures, row.breaker_refusals, row.breaker_until)


def breaker_columns(breaker: Breaker) -> dict[str, Any]:
    return {
        "breaker": breaker.state,
        "breaker_failures": breaker.failures,
        "breaker_refusals": breaker.refusals,
        "breaker_until": breaker.until,
    }


def fresh_start() -> dict[str, Any]:
    """The columns of a destination that somebody has just switched on: what was learned of it is forgotten."""
    return breaker_columns(CLOSED) | {"rests_until": None, "drained_until": None, "rate_tokens": None, "rate_at": None}
