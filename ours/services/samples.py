"""The latest events with whom they are about: what rules and mappings are tried on before they are switched on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from ours.core.mapping import Context, context_of
from ours.plugin import Visitor
from ours.services.opening import event_of, visitors_of
from ours.store import Sealer
from ours.store.queries import samples as queries


@dataclass(frozen=True, slots=True)
class Sample:
    """``row`` is the event's own, as stored."""

    row: Any
    context: Context


def latest(connection: Connection, sealer: Sealer, count: int) -> list[Sample]:
    """The newest events that happened, the newest first; identifies are not among them."""
    return opened(connection, sealer, queries.latest(connection, count))


def opened(connection: Connection, sealer: Sealer, rows: Sequence[Any]) -> list[Sample]:
    known = visitors_of(connection, sealer, {row.visitor_id for row in rows if row.visitor_id})
    return [Sample(row, context_of(event_of(row, sealer), known.get(row.visitor_id) or Visitor(id=""))) for row in rows]
