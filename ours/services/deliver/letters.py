"""Turns claimed rows into what plugins are handed: the event as it came, the visitor as known now."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ours.plugin import Event, Visitor
from ours.services.opening import event_of, opened
from ours.store import Sealer
from ours.store.queries import events, visitors
from ours.store.queries.dispatches import Claimed


class Sealed(NamedTuple):
    """Dispatches and, by their ids, the rows of their events and visitors, which nobody opened yet."""

    claimed: Sequence[Claimed] = ()
    events: Mapping[str, Any] = {}
    visitors: Mapping[str, Any] = {}


class Letter(NamedTuple):
    """One dispatch with its event and its visitor."""

    claimed: Claimed
    event: Event
    visitor: Visitor


def find(connection: Connection, claimed: Sequence[Claimed]) -> Sealed:
    found = events.by_id(connection, {one.event_id for one in claimed})
    whose = {row.visitor_id for row in found.values() if row.visitor_id}
    return Sealed(claimed, found, visitors.roots(connection, whose))


def write(sealed: Sealed, sealer: Sealer) -> list[Letter]:
    known = opened(sealed.visitors, sealer)
    of = {
        row.id: (event_of(row, sealer), known.get(row.visitor_id) or Visitor(id="")) for row in sealed.events.values()
    }
    return [Letter(one, *of[one.event_id]) for one in sealed.claimed]
