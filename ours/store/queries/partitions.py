"""How PostgreSQL divides ``events`` and ``attempts`` by day, if it was asked to: reads it, makes and takes away days.

The ids that divide them are UUIDv7, so a range of ids is a range of time. ``…_past`` holds what was there before the
days began, ``…_YYYYMMDD`` one day (UTC), ``…_rest`` whatever belongs to no other.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, MetaData, Table, func, select, text, union

from ours import clock, ids
from ours.store.tables import attempts, dispatches, events
from ours.store.tables.dispatches import OPEN_PARTS
from ours.store.tables.events import UNROUTED

KEYS: Mapping[str, Column[Any]] = {"events": events.c.id, "attempts": attempts.c.dispatch_id}
"""The tables that can be divided, and by which column."""
_EVENTS_OF = {"events": dispatches.c.event_id, "attempts": dispatches.c.id}
_PARTS = text(
    "SELECT child.relname, pg_get_expr(child.relpartbound, child.oid) FROM pg_inherits"
    " JOIN pg_class child ON child.oid = inhrelid WHERE inhparent = to_regclass(:name)"
)
_COLUMNS = text(
    "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute"
    " WHERE attrelid = to_regclass(:name) AND attnum > 0 AND NOT attisdropped"
)
_SIZE = text(
    "SELECT greatest(reltuples, 0)::bigint AS rows, pg_total_relation_size(oid) AS bytes FROM pg_class"
    " WHERE oid = to_regclass(:name)"
)
_NEVER = 2**48 - 1
_BOUND = re.compile(r"(?:MINVALUE|'([0-9a-f-]{36})')")


class Part(NamedTuple):
    """One partition. ``start`` and ``end``: from when and up to when the ids in it were made (milliseconds)."""

    name: str
    start: int
    end: int


def parts(connection: Connection, of: str) -> list[Part]:
    """Of which partitions a table is made, the oldest first, without ``…_rest``; none: it is not divided."""
    if connection.dialect.name != "postgresql":
        return []
    rows = connection.execute(_PARTS, {"name": of})
    return sorted((Part(name, *_bounds(bound)) for name, bound in rows if bound != "DEFAULT"), key=lambda one: one.end)


def _bounds(said: str) -> tuple[int, int]:
    """``FOR VALUES FROM (MINVALUE) TO ('0197…')`` as moments."""
    start, end = (int(found.replace("-", "")[:12] or "0", 16) for found in _BOUND.findall(said))
    return start, end


def is_divided(connection: Connection, of: str) -> bool:
    query = text("SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass(:name)")
    return connection.dialect.name == "postgresql" and bool(connection.scalar(query, {"name": of}))


def size(connection: Connection, name: str) -> tuple[int, int]:
    """About how many rows a table or partition holds, and how many bytes."""
    row = connection.execute(_SIZE, {"name": name}).one()
    return row.rows, row.bytes


def approach(connection: Connection, *names: str) -> None:
    """Get ready to lock tables or partitions: from now on this transaction waits briefly, for others wait behind it.

    A vacuum that runs by itself gives way only to who waits for a second, so it is waited for first, in a way that
    nobody else feels; and none begins while we are at it.
    """
    connection.execute(text("SET LOCAL lock_timeout = '5s'"))
    for name in names:
        connection.execute(text(f"LOCK TABLE ONLY {name} IN SHARE UPDATE EXCLUSIVE MODE"))
    connection.execute(text("SET LOCAL lock_timeout = '300ms'"))


def strays(connection: Connection, of: str, start: int, end: int = _NEVER, *, limit: int) -> list[str]:
    """Keys in ``…_rest`` that were made between two moments, ``limit`` at most."""
    key = _part(of, f"{of}_rest").c[KEYS[of].name]
    query = select(key).where(key >= ids.floor(start), key < ids.floor(end)).order_by(key).limit(limit)
    return list(connection.scalars(query))


def make_day(connection: Connection, of: str, start: int, most: int | None) -> bool:
    """Give the day that begins then a partition, with what of it lay in ``…_rest``.

    False, and nothing is made, when that is more than ``most`` rows: others would wait too long for them to be moved.
    """
    name, key = f"{of}_{_day(start)}", KEYS[of].name
    low, high = (f"'{ids.floor(moment)}'" for moment in (start, start + clock.DAY))
    approach(connection, of, f"{of}_rest")
    connection.execute(text(f"LOCK TABLE {of}_rest IN ACCESS EXCLUSIVE MODE"))
    if most is not None and len(strays(connection, of, start, start + clock.DAY, limit=most + 1)) > most:
        return False
    columns = connection.scalar(_COLUMNS, {"name": of})
    connection.execute(text(f"CREATE TABLE {name} (LIKE {of} INCLUDING ALL)"))
    moved = f"DELETE FROM {of}_rest WHERE {key} >= {low} AND {key} < {high} RETURNING {columns}"  # noqa: S608
    connection.execute(text(f"WITH moved AS ({moved}) INSERT INTO {name} ({columns}) SELECT {columns} FROM moved"))  # noqa: S608
    connection.execute(text(f"ALTER TABLE {of} ATTACH PARTITION {name} FOR VALUES FROM ({low}) TO ({high})"))
    return True


def hold(connection: Connection, of: str, part: Part) -> None:
    """Let nobody write into a partition, nor lock a row of it, before the transaction ends. All may read."""
    approach(connection, of, part.name, f"{of}_rest")
    connection.execute(text(f"LOCK TABLE {part.name} IN EXCLUSIVE MODE"))


def needed_events(connection: Connection, part: Part, limit: int) -> list[str]:
    """The events in it that are not routed or have an open dispatch, ``limit`` and more at most."""
    those = _part("events", part.name).c
    unrouted = select(those.id).where(UNROUTED).limit(limit)
    waiting = select(those.id).where(those.id.in_(_open(connection, "events", part, limit)))
    return sorted({*connection.scalars(unrouted), *connection.scalars(waiting)})


def needed_attempts(connection: Connection, part: Part, before: int, limit: int) -> list[str]:
    """The dispatches that are open, or were tried since ``before``: their attempts stay."""
    those = _part("attempts", part.name).c
    late = select(those.dispatch_id).where(those.started_at >= before).distinct().limit(limit)
    return sorted({*connection.scalars(late), *_open(connection, "attempts", part, limit)})


def _open(connection: Connection, of: str, part: Part, limit: int) -> Sequence[str]:
    """What of a partition's range is named by dispatches that are open; reads only those, however many ended."""
    key = _EVENTS_OF[of]
    within = key >= ids.floor(part.start), key < ids.floor(part.end)
    return connection.scalars(union(*(select(key).where(one, *within) for one in OPEN_PARTS)).limit(limit)).all()


def decisions(connection: Connection, part: Part, needed: Sequence[str]) -> Sequence[Any]:
    """All its events but these, counted by mode, kind and refused; ``newest``: when the last of them was received."""
    those = _part("events", part.name).c
    figures = (func.count().label("count"), func.sum(those.owed).label("owed"),
               func.max(those.received_at).label("newest"))  # fmt: skip
    query = select(those.mode, those.kind, those.refused, *figures).where(those.id.not_in(needed))
    return connection.execute(query.group_by(those.mode, those.kind, those.refused)).all()


def take_away(connection: Connection, of: str, part: Part, needed: Sequence[str]) -> None:
    """Drop a partition with all that is in it; the rows with ``needed`` keys go on in ``…_rest``."""
    columns = connection.scalar(_COLUMNS, {"name": of})
    connection.execute(text(f"LOCK TABLE ONLY {of} IN ACCESS EXCLUSIVE MODE"))
    connection.execute(text(f"ALTER TABLE {of} DETACH PARTITION {part.name}"))
    if needed:
        there = f"{KEYS[of].name} = ANY(CAST(:needed AS uuid[]))"
        moved = f"INSERT INTO {of} ({columns}) SELECT {columns} FROM {part.name} WHERE {there}"  # noqa: S608
        connection.execute(text(moved), {"needed": list(needed)})
    connection.execute(text(f"DROP TABLE {part.name}"))


def _day(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000, tz=UTC).strftime("%Y%m%d")


@cache
def _part(of: str, name: str) -> Table:
    return KEYS[of].table.to_metadata(MetaData(), name=name)
