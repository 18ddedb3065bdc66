"""Reads events for screens: a page of them in the order they occurred, or one with all it carries.

One condition leads: its index is walked, and each event on the way is asked for the others. So that no combination
walks a million events for the few that fit, the walk has an end (``furthest``), and says where that was.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, literal, or_, select, true, tuple_

from ours.store.hand import Prepared
from ours.store.tables import destinations, dispatches, events, sources, visitors
from ours.store.tables.events import SHOWN
from ours.store.tables.types import Id

FURTHEST = 10_000
MOST_NAMED = 1_000
"""So many visitors may be named in a statement."""

_e, _d = events.c, dispatches.c
_PLACE = (_e.occurred_at, _e.id)
_LISTED = (_e.id, _e.mode, _e.source_id, _e.name, _e.occurred_at, _e.received_at, _e.routed_at, _e.visitor_id,
           _e.owed, _e.refused, _e.notes)  # fmt: skip

_PAYLOADS = Prepared(select(_e.id, _e.payload))
_SOURCES = Prepared(select(sources.c.id, sources.c.name))
_DESTINATIONS = Prepared(select(destinations.c.id, destinations.c.name))


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What a page is narrowed to. ``visitors`` are one visitor's ids: its own and those merged into it. Where those are
    more than ``MOST_NAMED``, ``families`` has its own instead.

    ``destination_id`` and ``state`` are about one and the same dispatch. Those whom an allow list refused have no row
    that says where to: they are all among what is found wherever one of them may be meant.
    """

    ids: tuple[str, ...] = ()
    name_key: str | None = None
    source_id: int | None = None
    mode: str | None = None
    visitors: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    destination_id: int | None = None
    state: str | None = None


def furthest(narrowed: Narrowed) -> int:
    """How long the walk is at most: half as long where each event's dispatches are looked up, which takes longer."""
    return FURTHEST if narrowed.destination_id is None and narrowed.state is None else FURTHEST // 2


class Found(NamedTuple):
    """Rows, the newest first; ``edge``: the walk ended there before the page was full, and there may be more."""

    rows: Sequence[Any]
    edge: "Cursor | None" = None


class Cursor(NamedTuple):
    """The edge of a page already seen; ``newer`` says on which side of it to go on."""

    occurred_at: int
    id: str
    newer: bool = False


def page(
    connection: Connection, narrowed: Narrowed, cursor: Cursor | None, limit: int, *, sealed: bool = False
) -> Found:
    """At most ``limit`` events next to the cursor, the newest first; with their payloads only if ``sealed``."""
    newer = cursor is not None and cursor.newer
    order = tuple(column if newer else column.desc() for column in _PLACE)
    lead, *others = _conditions(narrowed, connection.dialect.name == "sqlite")
    walk: tuple[Any, ...] = (SHOWN, lead, *_window(narrowed), *_beside(cursor))
    edge = None
    if others:
        end = select(*_PLACE).where(*walk).order_by(*order).offset(furthest(narrowed) - 1).limit(1)
        edge = next((Cursor(*row, newer) for row in connection.execute(end)), None)
    within: tuple[Any, ...] = () if edge is None else (_reached(edge),)
    columns = (*_LISTED, _e.payload) if sealed else _LISTED
    query = select(*columns).where(*walk, *within, *others).order_by(*order).limit(limit)
    rows = connection.execute(query).all()
    return Found(rows[::-1] if newer else rows, edge if len(rows) < limit else None)


def _beside(cursor: Cursor | None) -> Iterable[ColumnElement[bool]]:
    if cursor is not None:
        here = _here(cursor)
        yield tuple_(*_PLACE) > here if cursor.newer else tuple_(*_PLACE) < here


def _reached(edge: Cursor) -> Any:
    return tuple_(*_PLACE) <= _here(edge) if edge.newer else tuple_(*_PLACE) >= _here(edge)


def _here(cursor: Cursor) -> Any:
    return tuple_(literal(cursor.occurred_at), literal(cursor.id, Id()))


def _window(narrowed: Narrowed) -> Iterable[ColumnElement[bool]]:
    if narrowed.since is not None:
        yield _e.occurred_at >= narrowed.since
    if narrowed.until is not None:
        yield _e.occurred_at < narrowed.until


def _conditions(narrowed: Narrowed, steer: bool) -> Sequence[ColumnElement[bool]]:
    """The one that few events fit goes first. ``steer``: SQLite keeps no figures, so the others hide their index."""
    found: list[ColumnElement[bool]] = [_e.id.in_(narrowed.ids)] if narrowed.ids else []
    if len(narrowed.visitors) == 1:
        found.append(_e.visitor_id == narrowed.visitors[0])
    elif narrowed.visitors:
        found.append(_e.visitor_id.in_(narrowed.visitors))
    elif narrowed.families:
        whose = (column.in_(narrowed.families) for column in (visitors.c.id, visitors.c.alias_of))
        found.append(_e.visitor_id.in_(select(visitors.c.id).where(or_(*whose))))
    if narrowed.name_key is not None:
        found.append((_e.name_key + "" if steer and found else _e.name_key) == narrowed.name_key)
    if narrowed.source_id is not None:
        found.append((_e.source_id + 0 if steer and found else _e.source_id) == narrowed.source_id)
    if narrowed.mode is not None:
        found.append((_e.mode + "" if steer and found else _e.mode) == narrowed.mode)
    return [*(found or [true()]), *_dispatched(narrowed, steer)]


def _dispatched(narrowed: Narrowed, steer: bool) -> Iterable[ColumnElement[bool]]:
    """``steer``: SQLite looks the event's dispatches up, and is kept from all that are in that state."""
    place, state = narrowed.destination_id, narrowed.state
    if place is None and state is None:
        return
    there = [_d.event_id == _e.id]
    there += [(_d.destination_id + 0 if steer else _d.destination_id) == place] if place is not None else []
    there += [(_d.state + "" if steer else _d.state) == state] if state is not None else []
    # PostgreSQL would read all dispatches of that kind beforehand; with an OFFSET it asks for each event in turn.
    owed = select(_d.id).where(and_(*there)).offset(0).exists()
    yield or_(owed, _e.refused.is_not(None)) if state in {None, "stopped"} else owed


def one(connection: Connection, event_id: str) -> Any | None:
    """The whole row, of either kind."""
    return connection.execute(select(events).where(_e.id == event_id)).one_or_none()


def some(connection: Connection, event_ids: Sequence[str]) -> Sequence[Any]:
    """The whole rows of these, a few hundred at most, by id."""
    return connection.execute(select(events).where(_e.id.in_(event_ids)).order_by(_e.id)).all()


def payloads(connection: Connection, event_ids: Sequence[str]) -> dict[str, bytes]:
    """What is sealed, by event."""
    return dict(_PAYLOADS.among(connection, "id", event_ids))


def source_names(connection: Connection) -> dict[int, str]:
    """Deleted ones too: their events are still there."""
    return dict(_SOURCES.all(connection))


def destination_names(connection: Connection) -> dict[int, str]:
    """Removed ones too: their dispatches are still there."""
    return dict(_DESTINATIONS.all(connection))


def merged_into(connection: Connection, visitor_id: str) -> tuple[str, ...]:
    """This visitor's id and those of all that were merged into it."""
    return (visitor_id, *connection.scalars(select(visitors.c.id).where(visitors.c.alias_of == visitor_id)))
