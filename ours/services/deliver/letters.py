"""Turns claimed rows into what plugins are handed: the event as it came, the visitor as known now."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from ours.plugin import Event, Visitor
from ours.services.opening import event_of, visitors_of
from ours.store import Sealer
from ours.store.queries import events
from ours.store.queries.dispatches import Claimed


class Letter(NamedTuple):
    """One dispatch with its event and its visitor."""

    claimed: Claimed
    event: Event
    visitor: Visitor


def write(connection: Connection, sealer: Sealer, claimed: Sequence[Claimed]) -> list[Letter]:
    rows = events.by_id(connection, {item.event_id for item in claimed})
    known = visitors_of(connection, sealer, {row.visitor_id for row in rows.values() if row.visitor_id})
    opened = {row.id: event_of(row, sealer) for row in rows.values()}
    return [
        Letter(item, opened[item.event_id], known.get(rows[item.event_id].visitor_id) or Visitor(id=""))
        for item in claimed
    ]
