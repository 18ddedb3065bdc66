"""The latest events with whom they are about: what rules and mappings are tried on before they are switched on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from ours.core.mapping import Context, context_of
from ours.errors import Unsealable
from ours.plugin import Visitor
from ours.services.opening import event_of, visitors_of
from ours.store import Sealer
from ours.store.queries import samples as queries

LATEST = 1000
"""So many are looked at when nobody says how many."""


@dataclass(frozen=True, slots=True)
class Sample:
    """``row`` is the event's own, as stored."""

    row: Any
    context: Context


def latest(connection: Connection, sealer: Sealer, count: int) -> list[Sample]:
    """The newest events that happened, the newest first; no identifies, and none that can't be opened."""
    rows = queries.latest(connection, count)
    try:
        return opened(connection, sealer, rows)
    except Unsealable:
        return [sample for row in rows for sample in _opened_if_possible(connection, sealer, row)]


def _opened_if_possible(connection: Connection, sealer: Sealer, row: Any) -> list[Sample]:
    try:
        return opened(connection, sealer, [row])
    except Unsealable:
        return []


def opened(connection: Connection, sealer: Sealer, rows: Sequence[Any]) -> list[Sample]:
    """:raises Unsealable: when an event or its visitor can't be opened."""
    known = visitors_of(connection, sealer, {row.visitor_id for row in rows if row.visitor_id})
    return [Sample(row, context_of(event_of(row, sealer), known.get(row.visitor_id) or Visitor(id=""))) for row in rows]
