"""The tables, one file per noun. ``metadata`` is what the migrations must arrive at (a test compares)."""

from ours.store.tables.counters import counters
from ours.store.tables.destinations import allowed, destinations
from ours.store.tables.dispatches import attempts, dispatches
from ours.store.tables.events import events, seen
from ours.store.tables.ledger import ledger
from ours.store.tables.people import audit, keepsakes, people, second_factors, tokens
from ours.store.tables.replays import replays
from ours.store.tables.rules import rules
from ours.store.tables.sources import keys, refusals, sources, volumes
from ours.store.tables.types import metadata
from ours.store.tables.versions import versions
from ours.store.tables.visitors import forgotten, identifiers, visitors
from ours.store.tables.watch import alerts, checks

__all__ = [
    "alerts", "allowed", "attempts", "audit", "checks", "counters", "destinations", "dispatches", "events",
    "forgotten", "identifiers", "keepsakes", "keys", "ledger", "metadata", "people", "refusals", "replays",
    "rules", "second_factors", "seen", "sources", "tokens", "versions", "visitors", "volumes",
]  # fmt: skip
