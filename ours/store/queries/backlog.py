"""Moves what waits for a destination: into hold, out of it, or to its end; in parts, so that locks are short."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Update, and_, bindparam, func, or_, select, update

from ours.store.tables import destinations, dispatches
from ours.store.tables.dispatches import HELD, WAITING

_d, _of = dispatches.c, destinations.c
_MINE = _d.destination_id == _of.id

_RELEASE = (
    update(dispatches)
    .where(_d.id == bindparam("key"))
    .values(state="pending", reason=None, due_at=bindparam("due"), updated_at=bindparam("now"))
)


def strays(connection: Connection) -> Sequence[int]:
    """The destinations for which something waits, or is held, where status and breaker do not put it."""
    waiting = select(_d.id).where(_MINE, WAITING).exists()
    held = select(_d.id).where(_MINE, HELD).exists()
    ended = and_(_of.status.in_(["off", "removed"]), or_(waiting, held))
    stands = and_(or_(_of.status == "paused", and_(_of.status == "on", _of.breaker == "open")), waiting)
    flows = and_(
        _of.status == "on", _of.breaker == "closed", or_(_held_for("destination_paused"), _held_for("breaker_open"))
    )
    return connection.scalars(select(_of.id).where(or_(ended, stands, flows)).order_by(_of.id)).all()


def drained(connection: Connection, destination_id: int | None = None) -> Sequence[int]:
    """The destinations that leave and have nothing waiting, in hand, or held for anything but a person's decision.

    Of all, or of one.
    """
    waiting = select(_d.id).where(_MINE, WAITING).exists()
    in_hand = select(_d.id).where(_MINE, _d.lease_until.is_not(None)).exists()
    held = select(_d.id).where(_MINE, HELD, _d.reason != "ambiguous").exists()
    leaves = (_of.leaving_since.is_not(None), _of.status != "removed")
    query = select(_of.id).where(*leaves, ~or_(waiting, in_hand, held)).order_by(_of.id)
    return connection.scalars(query if destination_id is None else query.where(_of.id == destination_id)).all()


def holding(connection: Connection, reason: str) -> Sequence[Any]:
    """Id and slug of the destinations that are on and hold dispatches back for ``reason``."""
    query = select(_of.id, _of.slug).where(_of.status == "on", _held_for(reason))
    return connection.execute(query.order_by(_of.id)).all()


def count_waiting(connection: Connection, destination_id: int) -> int:
    return _count(connection, _d.destination_id == destination_id, WAITING)


def count_held(connection: Connection, destination_id: int, reason: str | None = None) -> int:
    """Held for that reason, or for any."""
    which = _d.destination_id == destination_id
    return _count(connection, which if reason is None else and_(which, _d.reason == reason), HELD)


_NEXT_REASON = select(
    func.min(select(func.min(_d.reason)).where(HELD, _MINE, _d.reason > bindparam("after")).scalar_subquery())
).select_from(destinations)


def held_for(connection: Connection, wanted: Callable[[str], bool]) -> dict[str, int]:
    """How many are held for each reason that is ``wanted``. What is held for others is not counted, but passed over."""
    found, reason = {}, connection.scalar(_NEXT_REASON, {"after": ""})
    while reason is not None:
        if wanted(reason):
            query = select(func.count()).select_from(destinations).join(dispatches, _MINE)
            found[reason] = connection.scalar(query.where(HELD, _d.reason == reason)) or 0
        reason = connection.scalar(_NEXT_REASON, {"after": reason})
    return found


def oldest(connection: Connection, destination_id: int) -> int | None:
    """When the oldest of what waits or is held was made."""
    mine = _d.destination_id == destination_id
    waiting = connection.scalar(select(func.min(_d.created_at)).where(mine, WAITING))
    # The index of trouble has them in the order in which they were made.
    held = connection.scalar(select(_d.created_at).where(mine, HELD).order_by(_d.id).limit(1))
    return min((moment for moment in (waiting, held) if moment is not None), default=None)


def is_being_tried(connection: Connection, destination_id: int, now: int) -> bool:
    """Whether a live dispatch is in hand, or due."""
    live = select(_d.id).where(_d.destination_id == destination_id, _d.mode == "live")
    kinds = (live.where(_d.lease_until.is_not(None)), live.where(_d.due_at <= now))
    return any(connection.scalar(kind.limit(1)) is not None for kind in kinds)


def is_overdue(connection: Connection, destination_id: int, moment: int) -> bool:
    """Whether something has been due since before that moment."""
    mine = select(_d.id).where(_d.destination_id == destination_id, _d.due_at < moment)
    return connection.scalar(mine.limit(1)) is not None


def hold(
    connection: Connection, destination_id: int, reason: str, now: int, limit: int, *, due_before: int | None = None
) -> int:
    """Hold up to ``limit`` of what is pending or retrying; what a worker has in hand is left to finish.

    All of it, or what was due before a moment.
    """
    to = {"state": "held", "reason": reason, "due_at": None, "updated_at": now}
    which = WAITING if due_before is None else and_(WAITING, _d.due_at < due_before)
    return _move(connection, destination_id, which, to, limit)


def stop(connection: Connection, destination_id: int, reason: str, now: int, limit: int) -> int:
    """Stop up to ``limit`` of what is pending, retrying or held for whatever reason."""
    to = {"state": "stopped", "reason": reason, "due_at": None, "updated_at": now}
    moved = _move(connection, destination_id, WAITING, to, limit)
    return moved + (_move(connection, destination_id, HELD, to, limit - moved) if moved < limit else 0)


def stop_held(connection: Connection, destination_id: int, held_for: str, reason: str, now: int, limit: int) -> int:
    """Stop up to ``limit`` of what is held for one reason, and say another; how many."""
    to = {"state": "stopped", "reason": reason, "updated_at": now}
    return _move(connection, destination_id, and_(HELD, _d.reason == held_for), to, limit)


def release(
    connection: Connection,
    destination_id: int,
    reason: str,
    dues: Callable[[int], Sequence[int]],
    *,
    now: int,
    limit: int,
    mode: str | None = None,
) -> int:
    """Let up to ``limit`` of what is held for ``reason`` go on, the oldest first; answers how many.

    ``dues`` gives the moments for that many; ``mode`` takes only live or only test ones.
    """
    query = select(_d.id).where(HELD, _d.destination_id == destination_id, _d.reason == reason)
    if mode:
        query = query.where(_d.mode == mode)
    ids = connection.scalars(query.order_by(_d.id).limit(limit).with_for_update(skip_locked=True)).all()
    if ids:
        moments = zip(ids, dues(len(ids)), strict=True)
        connection.execute(_RELEASE, [{"key": key, "due": due, "now": now} for key, due in moments])
    return len(ids)


def take_any_order(connection: Connection, destination_id: int, reason: str, limit: int) -> None:
    """Let the first ``limit`` of what is held for ``reason`` wait for none of their visitor's that came before."""
    mine = and_(HELD, _d.destination_id == destination_id, _d.reason == reason, _d.lane.is_not(None))
    some = select(_d.id).where(mine).order_by(_d.id).limit(limit).with_for_update(skip_locked=True)
    connection.execute(update(dispatches).where(_d.id.in_(some)).values(lane=None))


def _held_for(reason: str) -> ColumnElement[bool]:
    return select(_d.id).where(_MINE, HELD, _d.reason == reason).exists()


def _count(connection: Connection, *which: Any) -> int:
    return connection.scalar(select(func.count()).select_from(dispatches).where(*which)) or 0


def _move(connection: Connection, destination_id: int, was: Any, to: dict[str, Any], limit: int) -> int:
    some = select(_d.id).where(_d.destination_id == destination_id, was).limit(limit)
    query: Update = update(dispatches).where(_d.id.in_(some.with_for_update(skip_locked=True)))
    return connection.execute(query.values(to)).rowcount
