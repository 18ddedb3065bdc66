"""How fast things go just now: how long the latest tries took, and how old what waits is."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from ours.store.tables import attempts, destinations, dispatches

_a, _d = attempts.c, dispatches.c


def latest_tries(connection: Connection, since: int, most: int) -> Sequence[Any]:
    """``destination_id`` and ``duration_ms`` of the latest live tries, ``most`` of them at most."""
    latest = select(_a.dispatch_id, _a.duration_ms).where(_a.started_at >= since)
    latest_few = latest.order_by(_a.started_at.desc()).limit(most).subquery()
    query = select(_d.destination_id, latest_few.c.duration_ms).join(dispatches, _d.id == latest_few.c.dispatch_id)
    return connection.execute(query.where(_d.mode == "live")).all()


def oldest_due(connection: Connection) -> int | None:
    """Since when the dispatch is due that has waited longest for its turn."""
    first = select(_d.due_at).where(_d.destination_id == destinations.c.id, _d.due_at.is_not(None))
    moments = connection.scalars(select(first.order_by(_d.due_at).limit(1).scalar_subquery()))
    return min((moment for moment in moments if moment is not None), default=None)
