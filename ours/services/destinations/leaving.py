"""A destination that is to be removed once it has got what it is owed: it takes nothing new and is drained."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from ours import clock
from ours.core import subjects
from ours.services import audit
from ours.services.actors import Who
from ours.services.destinations import backlog
from ours.store import Store
from ours.store.queries import backlog as waiting
from ours.store.queries import destinations as queries


def begin(connection: Connection, row: Any, actor: Who) -> None:
    """Let what waits or is held of a row that is locked go. Its allow list is empty, so that nothing more is owed."""
    changes: dict[str, Any] = {"leaving_since": clock.now_ms()}
    if row.status == "paused":
        changes |= {"status": "on", "paused_for": None, **backlog.fresh_start()}
    queries.change(connection, row.id, changes)
    count = waiting.count_waiting(connection, row.id) + waiting.count_held(connection, row.id)
    detail = {"deliver_first": True, "dispatches": count}
    audit.record(connection, actor, "remove", subjects.destination(row.id), detail)


def drained(store: Store) -> Sequence[int]:
    """Those that leave and are owed nothing more; what a person would have to decide about keeps none."""
    with store.read() as connection:
        return waiting.drained(connection)


def is_drained(connection: Connection, destination_id: int) -> bool:
    """Whether one is such, asked of a row that is locked: nobody takes it back, and nothing new is owed to it."""
    return destination_id in waiting.drained(connection, destination_id)
