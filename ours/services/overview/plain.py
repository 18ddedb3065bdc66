"""The same as JSON for the command line: stable keys, moments in ISO 8601, requests exactly as they were kept."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from ours.clock import iso
from ours.core.reasons import ABANDONED, Reason, describe
from ours.services.opening import try_open, try_profile
from ours.services.overview.events import rows
from ours.store import Sealer, binding
from ours.store.queries import reading_dispatches, reading_events, visitors

Json = dict[str, Any]


def events(connection: Connection, sealer: Sealer, found: Sequence[Any]) -> list[Json]:
    """As ``ours event list`` prints them."""
    payloads = reading_events.payloads(connection, [row.id for row in found])
    public = _public_ids(connection, sealer, found)
    opened = {key: try_open(sealer, payload, binding.event(key)) for key, payload in payloads.items()}
    return [
        {
            "id": row.id,
            "event": row.name,
            "distinctId": opened[row.id][0].get("distinct_id"),
            "mode": row.mode,
            "occurredAt": iso(row.occurred_at),
            "receivedAt": iso(row.received_at),
            "visitorId": public.get(row.visitor_id or ""),
            "source": row.source,
            "dispatches": [mark.document for mark in row.dispatches],
        }
        | why_not(opened[row.id][1])
        for row in rows(connection, found)
    ]


def why_not(unopened: Reason | None) -> Json:
    """What is said of something that can't be opened, in place of what it holds."""
    return {"unopened": unopened.words} if unopened else {}


def event(connection: Connection, sealer: Sealer, row: Any) -> Json:
    """As ``ours event show`` prints it: the same, with all that was sent, and what there is to say."""
    return whole(connection, sealer, [row])[0]


def whole(connection: Connection, sealer: Sealer, found: Sequence[Any]) -> list[Json]:
    """Several like that, in a handful of queries; ``found``: their whole rows, a few hundred at most."""
    return [listed | _all_of(sealer, row) for row, listed in zip(found, events(connection, sealer, found), strict=True)]


def _all_of(sealer: Sealer, row: Any) -> Json:
    body, _ = try_open(sealer, row.payload, binding.event(row.id))
    carried = {name: body.get(key, {}) for name, key in _CARRIED.items()}
    notes = [code for code in (row.notes or "").split(",") if code]
    ended = [describe(code).words for code in notes if code.startswith(ABANDONED)]
    abandoned = {"abandoned": ended[0]} if ended else {}
    return abandoned | {"kind": row.kind, "notes": notes, "warnings": body.get("warnings", [])} | carried


_CARRIED = {
    "eventProperties": "event_properties",
    "userProperties": "user_properties",
    "defaultProperties": "default_properties",
    "identityContext": "identity_context",
}


def dispatch(connection: Connection, sealer: Sealer, row: Any) -> Json:
    """As ``ours dispatch show`` prints it."""
    return dispatches(connection, sealer, [row])[0]


def dispatches(connection: Connection, sealer: Sealer, found: Sequence[Any]) -> list[Json]:
    """Several like that, in their order."""
    tries: defaultdict[str, list[Json]] = defaultdict(list)
    for attempt in reading_dispatches.attempts_of(connection, [row.id for row in found]):
        tries[attempt.dispatch_id].append(_attempt(sealer, attempt))
    return [
        {
            "id": row.id,
            "event": row.event_id,
            "destination": row.destination,
            "status": row.state,
            "reason": row.reason,
            "mode": row.mode,
            "attempts": tries[row.id],
        }
        for row in found
    ]


def _attempt(sealer: Sealer, row: Any) -> Json:
    exchange, unopened = try_open(sealer, row.exchange, binding.attempt(row.dispatch_id, row.number))
    return {
        "number": row.number,
        "startedAt": iso(row.started_at),
        "durationMs": row.duration_ms,
        "timing": _timing(exchange.get("timing") or {}),
        "pluginVersion": row.plugin_version or None,
        "settingsVersion": row.config_version or None,
        "request": exchange.get("request"),
        "response": exchange.get("response"),
        "outcome": row.outcome,
        "code": row.code,
        "message": exchange.get("message") or None,
    } | why_not(unopened)


def _timing(kept: Mapping[str, int]) -> Json:
    """``queue_ms`` → ``queueMs``: since the dispatch was made, building, connecting, and all of sending."""
    return {f"{name.removesuffix('_ms')}Ms": value for name, value in kept.items()}


def _public_ids(connection: Connection, sealer: Sealer, found: Sequence[Any]) -> Mapping[str, str]:
    """What callers know each visitor by, by the id of the visitor that it is in the end."""
    roots = visitors.roots(connection, {row.visitor_id for row in found if row.visitor_id})
    opened = {root.id: try_profile(sealer, root)[0] for root in roots.values()}
    return {visitor_id: str(profile["id"]) for visitor_id, profile in opened.items() if profile}
