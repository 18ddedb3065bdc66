"""Counts what happened between two moments, and keeps what was counted. Reads by time, never a whole table."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, Select, case, delete, func, select, text
from sqlalchemy.sql.elements import ColumnElement

from ours.store.tables import attempts, counters, dispatches, volumes

_a, _d, _v = attempts.c, dispatches.c, volumes.c
BOUNDS = (5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 600_000, 3_600_000)
"""Upper bounds of a histogram's buckets, in milliseconds; the last bucket has none."""
_UPTO, _IN_VAIN = "upto", "in vain"
_MARKS = (_UPTO, _IN_VAIN)
_ARRIVED = ("delivered", "duplicate")
_ADD = text(
    "INSERT INTO counters (name, of, mode, what, bucket, count, total)"
    " VALUES (:name, :of, :mode, :what, :bucket, :count, :total)"
    " ON CONFLICT (name, of, mode, what, bucket) DO UPDATE"
    " SET count = counters.count + excluded.count, total = counters.total + excluded.total"
)
_NOTE = text(
    "INSERT INTO counters (name, of, mode, what, bucket, count, total)"
    " VALUES (:name, :of, :mode, :what, :bucket, :count, :total)"
    " ON CONFLICT (name, of, mode, what, bucket) DO UPDATE SET count = excluded.count"
)


@dataclass(frozen=True, slots=True, order=True)
class Counted:
    """One counter. ``of`` is a source's or destination's id, ``total`` the sum of the milliseconds."""

    name: str
    of: int
    mode: str
    what: str
    bucket: int
    count: int
    total: int = 0


def between(connection: Connection, start: int, end: int) -> list[Counted]:
    """All that is counted of the time from ``start`` up to ``end``, which are whole minutes."""
    tries = _tries(start, end)
    # For what arrived: from the decision that it is owed to the answer.
    waited = _a.started_at + _a.duration_ms - _d.created_at
    return [
        *_events(connection, start, end),
        *_histogram(connection, "attempts", tries, _a.duration_ms),
        *_histogram(connection, "delays", tries.where(_a.outcome.in_(_ARRIVED)), waited),
    ]


def first_after(connection: Connection, moment: int) -> int | None:
    """When the next try began, or the next minute in which something came."""
    tried = connection.scalar(select(func.min(_a.started_at)).where(_a.started_at >= moment))
    came = connection.scalar(select(func.min(_v.minute)).where(_v.minute >= moment))
    return min((one for one in (tried, came) if one is not None), default=None)


def kept(connection: Connection) -> list[Counted]:
    return [Counted(*row) for row in connection.execute(select(counters).where(counters.c.name.not_in(_MARKS)))]


def noted(connection: Connection, what: str, *, lock: bool = False) -> int:
    """The moment that was noted for ``what``, 0 for none; ``lock``: nobody notes another before we end."""
    query = select(counters.c.count).where(counters.c.name == _UPTO, counters.c.what == what)
    return connection.scalar(query.with_for_update() if lock else query) or 0


def note(connection: Connection, what: str, moment: int) -> None:
    connection.execute(_NOTE, asdict(Counted(_UPTO, 0, "", what, 0, moment)))


def forget(connection: Connection, what: str) -> None:
    connection.execute(delete(counters).where(counters.c.name == _UPTO, counters.c.what == what))


def add(connection: Connection, rows: Iterable[Counted]) -> None:
    if given := [asdict(row) for row in sorted(rows)]:
        connection.execute(_ADD, given)


def rejected_in_a_row(connection: Connection, least: int) -> Mapping[int, int]:
    """By destination, how many of its live tries were rejected since one arrived; where that are ``least`` or more."""
    query = select(counters.c.of, counters.c.count).where(counters.c.name == _IN_VAIN, counters.c.count >= least)
    return {of: count for of, count in connection.execute(query)}  # noqa: C416 - a Row is no pair to mypy


def note_rejected(connection: Connection, rows: Iterable[Counted]) -> None:
    """Go on with what ``rejected_in_a_row`` tells, by what was counted of the next stretch."""
    tries = [one for one in rows if (one.name, one.mode) == ("attempts", "live")]
    arrived = {one.of for one in tries if one.what in _ARRIVED}
    rejected = Counter[int]()
    for one in tries:
        if one.what == "rejected" and one.of not in arrived:
            rejected[one.of] += one.count
    if arrived:
        connection.execute(delete(counters).where(counters.c.name == _IN_VAIN, counters.c.of.in_(arrived)))
    add(connection, (Counted(_IN_VAIN, of, "live", "rejected", 0, count) for of, count in rejected.items()))


def _events(connection: Connection, start: int, end: int) -> list[Counted]:
    figures = {name: func.sum(_v[name]) for name in ("received", "duplicate", "rejected")}
    query = select(_v.source_id, _v.mode, *figures.values()).where(_v.minute >= start, _v.minute < end)
    return [
        Counted("events", source, mode, name, 0, int(count))
        for source, mode, *counts in connection.execute(query.group_by(_v.source_id, _v.mode))
        for name, count in zip(figures, counts, strict=True)
    ]


def _tries(start: int, end: int) -> Select[int, str, str]:
    query = select(_d.destination_id, _d.mode, _a.outcome).join(attempts, _a.dispatch_id == _d.id)
    return query.where(_a.started_at >= start, _a.started_at < end)


def _histogram(
    connection: Connection, name: str, tries: Select[int, str, str], took: ColumnElement[int]
) -> list[Counted]:
    bucket = case(*((took <= bound, place) for place, bound in enumerate(BOUNDS)), else_=len(BOUNDS))
    each = tries.add_columns(bucket.label("bucket"), took.label("took")).subquery().c
    groups = (each.destination_id, each.mode, each.outcome, each.bucket)
    rows = connection.execute(select(*groups, func.count(), func.sum(each.took)).group_by(*groups))
    return [Counted(name, of, mode, what, place, count, int(sum_)) for of, mode, what, place, count, sum_ in rows]
