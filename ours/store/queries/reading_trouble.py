"""Lists dispatches that did not simply arrive, the newest first, and counts them by why.

A lane is one state of one destination: its rows lie together in the index of trouble, in the order they were made.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, or_, select

from ours import ids
from ours.core.retry import TROUBLED
from ours.store.hand import Prepared
from ours.store.queries.replay import Filter, Lane, is_last
from ours.store.tables import attempts, dispatches, events
from ours.store.tables.dispatches import TROUBLE

_Writing = Callable[[tuple[str, ...], bool], Prepared]
_a, _d, _e = attempts.c, dispatches.c, events.c
_LISTED = (_d.id, _d.event_id, _d.destination_id, _d.mode, _d.state, _d.reason, _d.attempts, _d.due_at, _d.created_at,
           _d.updated_at, _e.name)  # fmt: skip

_BOUNDS = {
    "since": _d.id >= bindparam("since"),
    "until": _d.id < bindparam("until"),
    "before": _d.id < bindparam("before"),
}
_OTHERS = ("reason", "mode")
_FAILED = ("rejected", "retry", "unknown")
_LATEST = 1_000
_EACH_END = 20


def page(
    connection: Connection, wanted: Filter, before: str | None, limit: int, lanes: Iterable[Lane]
) -> Sequence[Any]:
    """At most ``limit`` that match and are older than ``before``; of a chain of replays only the last one.

    ``lanes`` are those to look in: ``reasons`` tells which there are.
    """
    rows = _of_lanes(connection, _newest, _narrowed(wanted, before), limit, lanes)
    found = sorted((row.id for row in rows), reverse=True)[:limit]
    query = select(*_LISTED).join(events, _e.id == _d.event_id).where(_d.id.in_(found))
    return connection.execute(query.order_by(_d.id.desc())).all()


def reasons(connection: Connection, wanted: Filter, most: int, lanes: Iterable[Lane]) -> Sequence[Any]:
    """How many match by destination, state and reason; the newest ``most`` of each lane are counted."""
    return _of_lanes(connection, _counted, _narrowed(wanted, None), most, lanes)


def failed_tries(connection: Connection, destination_id: int, most: int) -> Sequence[Any]:
    """The latest tries at a destination's dispatches that did not arrive, at most ``most``, the latest first.

    They are looked for where they lie: among the latest tries of all destinations, and at both ends of each lane, for
    what is tried first is the oldest of what waits, and the newest of what ended. So nothing is walked, however many
    are held that were never tried.
    """
    ends = [{"place": destination_id, "state": state, "most": _EACH_END} for state in TROUBLED]
    found = set(_LATELY.column(connection, place=destination_id, latest=_LATEST, most=most))
    found |= {row.id for end in (_OLDEST, _YOUNGEST) for row in end.each(connection, ends)}
    columns = _a.dispatch_id, _a.number, _a.started_at, _d.event_id
    query = select(*columns).join(dispatches, _d.id == _a.dispatch_id)
    query = query.where(_a.dispatch_id.in_(sorted(found)), _a.outcome.in_(_FAILED))
    return connection.execute(query.order_by(_a.started_at.desc(), _a.number.desc()).limit(most)).all()


_tries = (
    select(_a.dispatch_id, _a.started_at, _a.outcome).order_by(_a.started_at.desc()).limit(bindparam("latest"))
).subquery()
_LATELY = Prepared(
    select(_tries.c.dispatch_id)
    .join(dispatches, _d.id == _tries.c.dispatch_id)
    .where(or_(*(_tries.c.outcome == one for one in _FAILED)), _d.destination_id == bindparam("place"))
    .order_by(_tries.c.started_at.desc())
    .limit(bindparam("most"))
)
_end = select(_d.id).where(TROUBLE, _d.destination_id == bindparam("place"), _d.state == bindparam("state"))
_OLDEST = Prepared(_end.order_by(_d.id).limit(bindparam("most")))
_YOUNGEST = Prepared(_end.order_by(_d.id.desc()).limit(bindparam("most")))


def _of_lanes(
    connection: Connection, write: _Writing, given: Mapping[str, Any], most: int, lanes: Iterable[Lane]
) -> Sequence[Any]:
    """The rows of all lanes. A statement each: one for all takes the planner longer than the asking takes."""
    each = ({**given, "place": place, "state": state, "most": most} for place, state in lanes)
    return write(tuple(given), connection.dialect.name == "postgresql").each(connection, each)


def _narrowed(wanted: Filter, before: str | None) -> dict[str, Any]:
    """The values of the conditions that hold for each lane."""
    given = {
        "reason": wanted.reason,
        "mode": wanted.mode,
        "since": None if wanted.since is None else ids.floor(wanted.since),
        "until": None if wanted.until is None else ids.floor(wanted.until),
        "before": before,
    }
    return {name: value for name, value in given.items() if value is not None}


@lru_cache
def _newest(conditions: tuple[str, ...], steer: bool) -> Prepared:
    lane = _lane(conditions, steer)
    return Prepared(_those(lane, conditions, lane.id))


@lru_cache
def _counted(conditions: tuple[str, ...], steer: bool) -> Prepared:
    lane = _lane(conditions, steer)
    those = _those(lane, conditions, lane.destination_id, lane.state, lane.reason).subquery().c
    same = (func.min(column).label(column.key) for column in (those.destination_id, those.state))
    return Prepared(select(*same, those.reason, func.count().label("count")).group_by(those.reason))


def _lane(conditions: tuple[str, ...], steer: bool) -> Any:
    """The columns of a lane, the newest first, as they lie in the index of trouble.

    ``steer``: an OFFSET makes PostgreSQL walk it in its order, whatever is asked for besides. By itself it would take a
    reason for rarer than it is in its state, and sort all of that. SQLite walks anyhow, and sorts behind an OFFSET.
    """
    its_own = TROUBLE, _d.destination_id == bindparam("place"), _d.state == bindparam("state")
    bounds = (_BOUNDS[name] for name in conditions if name in _BOUNDS)
    columns = _d.id, _d.destination_id, _d.state, _d.reason, _d.mode
    lane = select(*columns).where(*its_own, *bounds)
    return (lane.order_by(_d.id.desc()).offset(0) if steer else lane).subquery().c


def _those(lane: Any, conditions: tuple[str, ...], *columns: ColumnElement[Any]) -> Select[Any]:
    """The newest of a lane, under the conditions of these names."""
    others = (lane[name] == bindparam(name) for name in conditions if name in _OTHERS)
    return select(*columns).where(is_last(lane.id), *others).order_by(lane.id.desc()).limit(bindparam("most"))
