"""Writes out all that is kept about a visitor, for themselves to have."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from ours.clock import iso
from ours.services.opening import try_profile
from ours.services.overview import plain
from ours.store import Sealer
from ours.store.queries import forgetting as queries
from ours.store.queries import reading_dispatches, reading_events, visitors

_NAMES = {"id": "visitorId", "external_id": "externalId", "email_sha256": "emailSha256", "phone": "phone"}


def document(connection: Connection, sealer: Sealer, root: Any, now: int) -> dict[str, Any]:
    family = reading_events.merged_into(connection, root.id)
    return {
        "exportedAt": iso(now),
        "mode": root.mode,
        "visitors": [_visitor(sealer, row) for row in visitors.by_id(connection, family)],
        "events": [_event(connection, sealer, one) for one in queries.events_of(connection, family)],
    }


def _visitor(sealer: Sealer, row: Any) -> dict[str, Any]:
    profile, unopened = try_profile(sealer, row)
    named = {name: profile[key] for key, name in _NAMES.items() if profile.get(key)}
    moments = {"createdAt": iso(row.created_at), "seenAt": iso(row.seen_at)}
    told = {"id": row.id, "mergedInto": row.alias_of, **named, "properties": profile.get("properties", {}), **moments}
    return told | plain.why_not(unopened)


def _event(connection: Connection, sealer: Sealer, event_id: str) -> dict[str, Any]:
    told = plain.event(connection, sealer, reading_events.one(connection, event_id))
    rows: Sequence[Any] = reading_dispatches.of_event(connection, event_id)
    return told | {"dispatches": [plain.dispatch(connection, sealer, row) for row in rows]}
