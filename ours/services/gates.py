"""The gates of the destinations as they stand: for the route station, and for replays, which decide anew."""

from collections.abc import Collection
from typing import Any

import orjson
from sqlalchemy import Connection

from ours.core.routing import Gate
from ours.plugin import Destination
from ours.registry import Registry
from ours.store.queries import destinations


def current(connection: Connection, registry: Registry, *, steady: bool = False) -> dict[int, Gate]:
    """Those not removed, by id; ``steady``: none changes its status before the transaction ends."""
    rows, lists = destinations.to_route(connection, steady=steady), destinations.allow_lists(connection)
    return {row.id: _gate(row, lists.get(row.id, ()), registry) for row in rows}


def _gate(row: Any, allowed: Collection[str], registry: Registry) -> Gate:
    plugin = registry.plugin(row.slug)
    return Gate(
        row.id,
        row.status,
        plugin is not None,
        allowed,
        breaker_open=row.breaker != "closed",
        ordered=plugin is None or plugin.ordered,  # nobody knows, and what order is lost comes back no more
        sources=sources_of(row),
        category=category_of(row, plugin),
    )


def category_of(destination: Any, plugin: Destination | None) -> str:
    """What kind of place a destination (its row, or its ``Config``) is: as somebody set it, or as its plugin says."""
    return destination.category or (plugin.category if plugin else "")


def sources_of(destination: Any) -> Collection[int] | None:
    """The sources that a destination (its row) listens to; None: all."""
    return frozenset(orjson.loads(destination.sources)) if destination.sources else None
