"""Why requests of a source were refused, by the hour: kinds and counts, and nothing of what was sent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from ours import clock
from ours.store import bulk
from ours.store.tables import refusals

_COLUMNS = ("source_id", "hour", "mode", "code", "fields", "count", "last_at", "request")
_ADDING = (
    "ON CONFLICT (source_id, hour, mode, code, fields) DO UPDATE SET count = refusals.count + excluded.count,"
    " last_at = excluded.last_at, request = excluded.request"
)
_r = refusals.c


@dataclass(frozen=True, slots=True)
class Refused:
    """So many events of one source, refused at ``at`` for one and the same reason."""

    source_id: int
    mode: str
    code: str
    fields: str
    request: str
    at: int
    count: int


def add(connection: Connection, many: Iterable[Refused]) -> None:
    """``many`` in the order in which they were refused."""
    rows: dict[tuple[Any, ...], tuple[int, int, str]] = {}
    for one in many:
        kind = (one.source_id, one.at - one.at % clock.HOUR, one.mode, one.code, one.fields)
        count = rows[kind][0] if kind in rows else 0
        rows[kind] = (count + one.count, one.at, one.request)
    bulk.insert(connection, "refusals", _COLUMNS, [(*kind, *rows[kind]) for kind in sorted(rows)], _ADDING)


def since(connection: Connection, source_id: int, moment: int, limit: int) -> Sequence[Any]:
    """The kinds of a source's refusals since the hour of ``moment``, the latest first: mode, code, fields, count,
    ``last_at``, and the ``request`` that was the last."""
    kind = (_r.mode, _r.code, _r.fields)
    those = (_r.source_id == source_id, _r.hour >= moment - moment % clock.HOUR)
    each = select(*kind, func.sum(_r.count).label("count"), func.max(_r.last_at).label("last_at"))
    each = each.where(*those).group_by(*kind).order_by(func.max(_r.last_at).desc(), *kind).limit(limit)
    found, other = each.subquery(), refusals.alias("other")
    same = [other.c[name] == found.c[name] for name in ("mode", "code", "fields", "last_at")]
    request = select(func.max(other.c.request)).where(other.c.source_id == source_id, *same).scalar_subquery()
    query = select(found, request.label("request")).order_by(found.c.last_at.desc(), *list(found.c)[:3])
    return connection.execute(query).all()
