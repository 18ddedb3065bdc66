"""Lists dispatches that did not simply arrive, the newest first, and counts them by why.

A lane is one state of one destination: its rows lie together in the index of trouble, in the order they were made.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Subquery, bindparam, func, select, union_all

from ours import ids
from ours.store.chunks import batched
from ours.store.hand import Prepared
from ours.store.queries.replay import IS_LAST, Filter
from ours.store.tables import destinations, dispatches, events
from ours.store.tables.dispatches import TROUBLE

STATES = frozenset({"retrying", "held", "rejected", "exhausted", "stopped"})
_MOST_LANES = 200
_d, _e = dispatches.c, events.c
_LISTED = (_d.id, _d.event_id, _d.destination_id, _d.mode, _d.state, _d.reason, _d.attempts, _d.due_at, _d.created_at,
           _d.updated_at, _e.name)  # fmt: skip

_Writing = Callable[[int, tuple[str, ...]], Prepared]
"""Writes a statement for so many lanes, narrowed by conditions of these names."""
_CONDITIONS = {
    "reason": _d.reason == bindparam("reason"),
    "mode": _d.mode == bindparam("mode"),
    "since": _d.id >= bindparam("since"),
    "until": _d.id < bindparam("until"),
    "before": _d.id < bindparam("before"),
}


def page(connection: Connection, wanted: Filter, before: str | None, limit: int) -> Sequence[Any]:
    """At most ``limit`` that match and are older than ``before``; of a chain of replays only the last one."""
    rows = _of_lanes(connection, _newest, wanted, before, limit)
    found = sorted((row.id for row in rows), reverse=True)[:limit]
    query = select(*_LISTED).join(events, _e.id == _d.event_id).where(_d.id.in_(found))
    return connection.execute(query.order_by(_d.id.desc())).all()


def reasons(connection: Connection, wanted: Filter, most: int) -> Sequence[Any]:
    """How many match by destination, state and reason; the newest ``most`` of each lane are counted."""
    return list(_of_lanes(connection, _counted, wanted, None, most))


def _of_lanes(connection: Connection, write: _Writing, wanted: Filter, before: str | None, most: int) -> Iterator[Any]:
    """The rows of all lanes, in as few statements as may be."""
    given = _narrowed(wanted, before)
    for part in batched(_lanes(connection, wanted), _MOST_LANES):
        values = {f"{name}{number}": value for number, lane in enumerate(part) for name, value in lane.items()}
        yield from write(len(part), tuple(given)).all(connection, **given, **values, most=most)


def _lanes(connection: Connection, wanted: Filter) -> list[dict[str, Any]]:
    places = [wanted.destination_id] if wanted.destination_id else connection.scalars(select(destinations.c.id)).all()
    return [{"place": place, "state": state} for place in places for state in sorted(wanted.states & STATES)]


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
def _newest(lanes: int, conditions: tuple[str, ...]) -> Prepared:
    parts = union_all(*(select(_lane(number, conditions, _d.id)) for number in range(lanes))).subquery()
    return Prepared(select(parts.c.id).order_by(parts.c.id.desc()).limit(bindparam("most")))


@lru_cache
def _counted(lanes: int, conditions: tuple[str, ...]) -> Prepared:
    parts = [_lane(number, conditions, _d.destination_id, _d.state, _d.reason).c for number in range(lanes)]
    return Prepared(union_all(*(_by_reason(part) for part in parts)))


def _by_reason(lane: Any) -> Select[Any]:
    """All of a lane have the same destination and state: to group by these would cost time and change nothing."""
    same = (func.min(column).label(column.key) for column in (lane.destination_id, lane.state))
    return select(*same, lane.reason, func.count().label("count")).group_by(lane.reason)


def _lane(number: int, conditions: tuple[str, ...], *columns: ColumnElement[Any]) -> Subquery:
    """The newest of a lane."""
    place, state = _d.destination_id == bindparam(f"place{number}"), _d.state == bindparam(f"state{number}")
    query = select(*columns).where(TROUBLE, place, state, IS_LAST, *(_CONDITIONS[name] for name in conditions))
    return query.order_by(_d.id.desc()).limit(bindparam("most")).subquery()
