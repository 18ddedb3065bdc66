"""Reads a page of events for screens, with their dispatches at a glance, in a handful of queries whatever its size."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from ours.core import ranges
from ours.core.allow import name_key
from ours.ids import is_id
from ours.services.overview.sieve import Sieve
from ours.services.overview.views import Mark, Page, Row
from ours.store import Sealer
from ours.store.queries import reading_dispatches, visitors
from ours.store.queries import reading_events as queries
from ours.store.queries.reading_events import Cursor, Narrowed

REFUSED = ("stopped", "not_allowed")
MOST_SEARCHED = 1_000
_PART = 250


@dataclass(frozen=True, slots=True)
class Filters:
    """What a person narrows a list to: an exact name (capitals do not matter), a source, a mode, visitors, a window
    of time (milliseconds; ``since`` belongs to it, ``until`` does not), these very events, and what only a look at each
    event tells.
    """

    ids: tuple[str, ...] = ()
    name: str | None = None
    source_id: int | None = None
    mode: str | None = None
    visitors: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    sieve: Sieve | None = None


def read_cursor(text: str | None, *, newer: bool = False) -> Cursor | None:
    """``"1754874909594-0198…"`` as ``write_cursor`` made it; None when there is none or it was damaged."""
    moment, _, event_id = (text or "").partition("-")
    if not (moment.isascii() and moment.isdigit() and len(moment) < 16 and is_id(event_id)):
        return None
    return Cursor(int(moment), event_id, newer)


def page(connection: Connection, sealer: Sealer, filters: Filters, cursor: Cursor | None, limit: int) -> Page:
    """The page beside the cursor; without one, the newest."""
    if filters.sieve:
        return _sieved(connection, sealer, filters, filters.sieve, cursor, limit)
    narrowed = _narrowed(connection, filters)
    found, edge = queries.page(connection, narrowed, cursor, limit + 1)
    more = len(found) > limit
    if cursor and cursor.newer:
        if not more:
            return page(connection, sealer, filters, None, limit)
        kept, newer, older = found[-limit:], True, True
    else:
        kept, newer, older = found[:limit], cursor is not None, more
    further = edge or (kept[-1] if older and kept else None)
    return Page(
        rows(connection, kept),
        _write_cursor(kept[0]) if newer and kept else None,
        _write_cursor(further) if further else None,
        queries.furthest(narrowed) if edge else None,
    )


def _sieved(
    connection: Connection, sealer: Sealer, filters: Filters, sieve: Sieve, cursor: Cursor | None, limit: int
) -> Page:
    """Looks through the events one by one, no further than so many at a time; ``older`` goes on from there."""
    narrowed, searched = _narrowed(connection, filters), 0
    here = None if cursor and cursor.newer else cursor
    kept: list[Any] = []
    while searched < MOST_SEARCHED and len(kept) <= limit:
        part, edge = queries.page(connection, narrowed, here, _PART, sealed=sieve.opens)
        kept += sieve.keep(connection, sealer, part)
        searched += queries.furthest(narrowed) if edge else len(part)
        here = edge or (Cursor(part[-1].occurred_at, part[-1].id) if len(part) == _PART else None)
        if here is None:
            break
    last = kept[limit - 1] if len(kept) > limit else here
    return Page(rows(connection, kept[:limit]), None, _write_cursor(last) if last else None, searched)


def _narrowed(connection: Connection, filters: Filters) -> Narrowed:
    family = tuple(each for one in filters.visitors for each in queries.merged_into(connection, one))
    many = len(family) > queries.MOST_NAMED
    return Narrowed(
        ids=filters.ids,
        name_key=name_key(filters.name) if filters.name else None,
        source_id=filters.source_id,
        mode=filters.mode,
        since=filters.since,
        until=filters.until,
        visitors=() if many else family,
        families=filters.visitors if many else (),
        destination_id=filters.sieve.destination_id if filters.sieve else None,
        state=filters.sieve.state if filters.sieve else None,
    )


def rows(connection: Connection, found: Sequence[Any]) -> list[Row]:
    """The views of these events' rows, in their order."""
    sources = queries.source_names(connection)
    destinations = queries.destination_names(connection)
    marks = _marks(connection, found, destinations)
    whose = visitors.now_named(connection, {row.visitor_id for row in found if row.visitor_id})
    return [_row(row, sources, marks[row.id], whose) for row in found]


def _row(row: Any, sources: Mapping[int, str], marks: Sequence[Mark], whose: Mapping[str, str]) -> Row:
    return Row(
        id=row.id,
        name=row.name,
        mode=row.mode,
        source_id=row.source_id,
        source=sources.get(row.source_id, f"source {row.source_id}"),
        occurred_at=row.occurred_at,
        received_at=row.received_at,
        routed=row.routed_at is not None,
        visitor_id=whose.get(row.visitor_id, row.visitor_id),
        dispatches=tuple(marks),
        aside=row.routed_at is None and row.notes is not None,
    )


def _marks(connection: Connection, found: Sequence[Any], names: Mapping[int, str]) -> Mapping[str, list[Mark]]:
    """By event: its dispatches, then what the allow lists refused."""
    marks: defaultdict[str, list[Mark]] = defaultdict(list)
    for row in reading_dispatches.marks(connection, [row.id for row in found]):
        name = names.get(row.destination_id, f"destination {row.destination_id}")
        marks[row.event_id].append(Mark(row.id, row.destination_id, name, row.state, row.reason))
    for row in found:
        marks[row.id] += refusals(row.refused, names)
    return marks


def refusals(refused: str | None, names: Mapping[int, str]) -> Iterable[Mark]:
    """What an event's compact record says of destinations whose allow list does not name it."""
    for number in ranges.read(refused):
        yield Mark(None, number, names.get(number, f"destination {number}"), *REFUSED)


def _write_cursor(row: Any) -> str:
    return f"{row.occurred_at}-{row.id}"
