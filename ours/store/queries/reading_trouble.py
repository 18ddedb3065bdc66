"""Lists dispatches that did not simply arrive, the newest first, and counts them by why.

A lane is one state of one destination: its rows lie together in the index of trouble, in the order they were made.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, select

from ours import ids
from ours.store.hand import Prepared
from ours.store.queries import reading_events
from ours.store.queries.replay import Filter, is_last
from ours.store.tables import dispatches, events
from ours.store.tables.dispatches import TROUBLE

STATES = frozenset({"retrying", "held", "rejected", "exhausted", "stopped"})
Lane = tuple[int, str]
_Writing = Callable[[tuple[str, ...], bool], Prepared]
_d, _e = dispatches.c, events.c
_LISTED = (_d.id, _d.event_id, _d.destination_id, _d.mode, _d.state, _d.reason, _d.attempts, _d.due_at, _d.created_at,
           _d.updated_at, _e.name)  # fmt: skip

_BOUNDS = {
    "since": _d.id >= bindparam("since"),
    "until": _d.id < bindparam("until"),
    "before": _d.id < bindparam("before"),
}
_OTHERS = ("reason", "mode")


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


def reasons(connection: Connection, wanted: Filter, most: int) -> Sequence[Any]:
    """How many match by destination, state and reason; the newest ``most`` of each lane are counted."""
    places = [wanted.destination_id] if wanted.destination_id else reading_events.destination_names(connection)
    lanes = [(place, state) for place in places for state in sorted(wanted.states & STATES)]
    return _of_lanes(connection, _counted, _narrowed(wanted, None), most, lanes)


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
