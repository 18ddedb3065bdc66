"""A destination that is to be removed once it has got what it is owed: it takes nothing new and is drained."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from ours import clock
from ours.core import subjects
from ours.services import audit
from ours.services.actors import Who
from ours.services.destinations import backlog
from ours.services.destinations.standing import alive
from ours.store import Store
from ours.store.queries import backlog as waiting
from ours.store.queries import destinations as queries


def begin(store: Store, destination_id: int, actor: Who) -> None:
    """Empty its allow list, so that nothing more is owed, and let what waits or is held go."""
    with store.write() as connection:
        row = alive(queries.locked(connection, destination_id), destination_id)
        now = clock.now_ms()
        changes: dict[str, Any] = {"leaving_since": now, "updated_at": now}
        if row.status == "paused":
            changes |= {"status": "on", "paused_for": None, **backlog.fresh_start()}
        queries.change(connection, destination_id, changes)
        queries.replace_allowed(connection, destination_id, {})
        count = waiting.count_waiting(connection, destination_id) + waiting.count_held(connection, destination_id)
        detail = {"deliver_first": True, "dispatches": count}
        audit.record(connection, actor, "remove", subjects.destination(destination_id), detail)
    backlog.settle_now(store, destination_id)


def drained(store: Store) -> Sequence[int]:
    """Those that leave and are owed nothing more; what a person would have to decide about keeps none."""
    with store.read() as connection:
        return waiting.drained(connection)


def is_drained(connection: Connection, destination_id: int) -> bool:
    """Whether one is such, asked of a row that is locked: nobody takes it back, and nothing new is owed to it."""
    return destination_id in waiting.drained(connection, destination_id)
