"""The destinations as the rules of routing see them: for the route station, and for replays, which decide anew."""

from typing import cast

from sqlalchemy import Connection

from ours.core.routing import Status, Target
from ours.registry import Registry
from ours.store.queries import destinations


def current(connection: Connection, registry: Registry, *, steady: bool = False) -> dict[int, Target]:
    """Those not removed, by id; ``steady``: none changes its status before the transaction ends."""
    return {
        row.id: Target(
            row.id,
            cast("Status", row.status),
            registry.get(row.slug) is not None,
            row.allowed,
            breaker_open=row.breaker != "closed",
        )
        for row in destinations.all_current(connection, steady=steady)
    }
