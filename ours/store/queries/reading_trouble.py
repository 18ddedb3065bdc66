"""Lists dispatches that did not simply arrive, the newest first, and counts them by why.

A lane is one state of one destination: its rows lie together in the index of trouble, in the order they were made.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select, union_all

from ours import ids
from ours.store.chunks import batched
from ours.store.queries.replay import IS_LAST, Filter
from ours.store.tables import destinations, dispatches, events
from ours.store.tables.dispatches import TROUBLE

STATES = frozenset({"retrying", "held", "rejected", "exhausted", "stopped"})
_MOST_LANES = 200
_d, _e = dispatches.c, events.c
_LISTED = (_d.id, _d.event_id, _d.destination_id, _d.mode, _d.state, _d.reason, _d.attempts, _d.due_at, _d.created_at,
           _d.updated_at, _e.name)  # fmt: skip


def page(connection: Connection, wanted: Filter, before: str | None, limit: int) -> Sequence[Any]:
    """At most ``limit`` that match and are older than ``before``; of a chain of replays only the last one."""
    lanes = [_lane(lane, wanted, before).with_only_columns(_d.id).order_by(_d.id.desc()).limit(limit)
             for lane in _lanes(connection, wanted)]  # fmt: skip
    found = sorted((row.id for row in _together(connection, lanes)), reverse=True)[:limit]
    query = select(*_LISTED).join(events, _e.id == _d.event_id).where(_d.id.in_(found))
    return connection.execute(query.order_by(_d.id.desc())).all()


def reasons(connection: Connection, wanted: Filter, most: int) -> Sequence[Any]:
    """How many match by destination, state and reason; the newest ``most`` of each lane are counted."""
    columns = (_d.destination_id, _d.state, _d.reason)
    counted = []
    for lane in _lanes(connection, wanted):
        newest = _lane(lane, wanted, None).with_only_columns(*columns).order_by(_d.id.desc()).limit(most).subquery()
        counted.append(select(*newest.c, func.count().label("count")).group_by(*newest.c))
    return list(_together(connection, counted))


def _lanes(connection: Connection, wanted: Filter) -> list[tuple[int, str]]:
    places = [wanted.destination_id] if wanted.destination_id else connection.scalars(select(destinations.c.id)).all()
    return [(place, state) for place in places for state in sorted(wanted.states & STATES)]


def _lane(lane: tuple[int, str], wanted: Filter, before: str | None) -> Select[Any]:
    destination_id, state = lane
    return select(_d.id).where(
        TROUBLE, _d.destination_id == destination_id, _d.state == state, IS_LAST, *_narrowed(wanted, before)
    )


def _narrowed(wanted: Filter, before: str | None) -> Iterator[ColumnElement[bool]]:
    if wanted.reason is not None:
        yield _d.reason == wanted.reason
    if wanted.mode is not None:
        yield _d.mode == wanted.mode
    if wanted.since is not None:
        yield _d.id >= ids.floor(wanted.since)
    if wanted.until is not None:
        yield _d.id < ids.floor(wanted.until)
    if before is not None:
        yield _d.id < before


def _together(connection: Connection, queries: Iterable[Select[Any]]) -> Iterator[Any]:
    """The rows of all these queries, in as few statements as may be."""
    for part in batched(queries, _MOST_LANES):
        yield from connection.execute(union_all(*(select(query.subquery()) for query in part)))
