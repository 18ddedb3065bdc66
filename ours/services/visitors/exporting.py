"""Writes out all that is kept about a visitor, for themselves to have."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from ours.clock import iso
from ours.services.opening import try_profile
from ours.services.overview import plain
from ours.store import Sealer
from ours.store.chunks import batched
from ours.store.queries import forgetting as queries
from ours.store.queries import reading_dispatches, reading_events, visitors

_PART = 200
_NAMES = {"id": "visitorId", "external_id": "externalId", "email_sha256": "emailSha256", "phone": "phone"}


def document(connection: Connection, sealer: Sealer, root: Any, now: int) -> dict[str, Any]:
    family = reading_events.merged_into(connection, root.id)
    parts = batched(queries.events_of(connection, family), _PART)
    return {
        "exportedAt": iso(now),
        "mode": root.mode,
        "visitors": [_visitor(sealer, row) for row in visitors.by_id(connection, family)],
        "events": [one for part in parts for one in _events(connection, sealer, part)],
    }


def _visitor(sealer: Sealer, row: Any) -> dict[str, Any]:
    profile, unopened = try_profile(sealer, row)
    named = {name: profile[key] for key, name in _NAMES.items() if profile.get(key)}
    moments = {"createdAt": iso(row.created_at), "seenAt": iso(row.seen_at)}
    told = {"id": row.id, "mergedInto": row.alias_of, **named, "properties": profile.get("properties", {}), **moments}
    return told | plain.why_not(unopened)


def _events(connection: Connection, sealer: Sealer, event_ids: Sequence[str]) -> list[dict[str, Any]]:
    """A few hundred events, with their dispatches and each try."""
    told = plain.whole(connection, sealer, reading_events.some(connection, event_ids))
    made: defaultdict[str, list[Any]] = defaultdict(list)
    for one in plain.dispatches(connection, sealer, reading_dispatches.of_events(connection, event_ids)):
        made[one["event"]].append(one)
    return [event | {"dispatches": made[event["id"]]} for event in told]
