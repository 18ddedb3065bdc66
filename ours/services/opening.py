"""Opens what is sealed of events and visitors into the values that rules and plugins look at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection

from ours.core import reasons
from ours.core.frozen import event_with, filled
from ours.core.identity import Facts
from ours.core.reasons import Reason
from ours.errors import Unsealable, is_unopened
from ours.plugin import Event, Visitor
from ours.store import Sealer, binding
from ours.store.queries import backlog, events, visitors


@dataclass(frozen=True, slots=True)
class Unopened:
    """How many events are set aside, and how many dispatches are held, for the same reason."""

    events: int
    dispatches: int


def unopened(connection: Connection) -> dict[str, Unopened]:
    """By reason code, what waits because it can't be opened. Cheap, whatever the tables hold."""
    aside, held = events.aside(connection), backlog.held_for(connection, is_unopened)
    return {one: Unopened(aside.get(one, 0), held.get(one, 0)) for one in {*aside, *held}}


def try_open(sealer: Sealer, sealed: bytes, bound: str) -> tuple[dict[str, Any], Reason | None]:
    """What a sealed value holds; or nothing, and why it can't be opened."""
    try:
        return sealer.open_json(sealed, bound), None
    except Unsealable as error:
        return {}, reasons.unopened(error.reason)


def try_profile(sealer: Sealer, row: Any) -> tuple[dict[str, Any], Reason | None]:
    """What is known of the visitor of this row; or nothing, and why it can't be opened."""
    return try_open(sealer, row.profile, binding.visitor(row.id))


def event_of(row: Any, sealer: Sealer) -> Event:
    body = orjson.loads(sealer.open(row.payload, binding.event(row.id)))
    body.pop("warnings", None)
    distinct_id = body.pop("distinct_id", row.id)  # an identify has none from its caller
    return event_with(row.id, row.name, distinct_id, row.occurred_at, row.received_at, body)


def facts_of(row: Any, sealer: Sealer) -> Facts:
    """What the event of this row says about whom it is about."""
    body = orjson.loads(sealer.open(row.payload, binding.event(row.id)))
    return Facts(
        event_id=row.id,
        mode=row.mode,
        at=row.received_at,
        user_id=body.get("user_id"),
        external_id=body.get("external_id"),
        email_sha256=body.get("email_sha256"),
        user_properties=body.get("user_properties", {}),
    )


def visitors_of(connection: Connection, sealer: Sealer, ids: Iterable[str]) -> dict[str, Visitor]:
    """By the id the event was routed with; aliases are followed."""
    return opened(visitors.roots(connection, ids), sealer)


def opened(found: Mapping[str, Any], sealer: Sealer) -> dict[str, Visitor]:
    """The visitors whose rows were ``found`` by these ids."""
    return {
        visitor_id: visitor_of(orjson.loads(sealer.open(row.profile, binding.visitor(row.id))))
        for visitor_id, row in found.items()
    }


def visitor_of(profile: Mapping[str, Any]) -> Visitor:
    """A visitor out of what is known of it; out of nothing, one that nobody knows."""
    return filled(
        Visitor,
        id=profile.get("id", ""),
        external_id=profile.get("external_id"),
        email_sha256=profile.get("email_sha256"),
        properties=profile.get("properties", {}),
    )
