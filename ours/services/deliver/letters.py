"""Turns claimed rows into what plugins are handed: the event as it came, the visitor as known now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Row

from ours.plugin import Event, Visitor
from ours.store import Sealer
from ours.store.queries import events, visitors
from ours.store.queries.dispatches import Claimed


@dataclass(frozen=True, slots=True)
class Letter:
    """One dispatch with its event and its visitor."""

    claimed: Claimed
    event: Event
    visitor: Visitor


def write(connection: Connection, sealer: Sealer, claimed: Sequence[Claimed]) -> list[Letter]:
    rows = events.by_id(connection, {item.event_id for item in claimed})
    known = _visitors(connection, sealer, {row.visitor_id for row in rows.values() if row.visitor_id})
    opened = {row.id: event_of(row, sealer) for row in rows.values()}
    return [
        Letter(item, opened[item.event_id], known.get(rows[item.event_id].visitor_id) or Visitor(id=""))
        for item in claimed
    ]


def event_of(row: Row[Any], sealer: Sealer) -> Event:
    body = orjson.loads(sealer.open(row.payload, f"events:{row.id}"))
    body.pop("warnings", None)
    return Event(
        id=row.id,
        name=row.name,
        distinct_id=body.pop("distinct_id", ""),
        occurred_at=row.occurred_at,
        received_at=row.received_at,
        **body,
    )


def _visitors(connection: Connection, sealer: Sealer, ids: Iterable[str]) -> dict[str, Visitor]:
    """By the id the event was routed with; aliases are followed."""
    found = visitors.roots(connection, ids)
    return {visitor_id: _visitor(row, sealer) for visitor_id, row in found.items()}


def _visitor(row: Row[Any], sealer: Sealer) -> Visitor:
    profile = orjson.loads(sealer.open(row.profile, f"visitors:{row.id}"))
    return Visitor(
        id=profile["id"],
        external_id=profile.get("external_id"),
        email_sha256=profile.get("email_sha256"),
        properties=profile.get("properties", {}),
    )
