"""What the ledger has to know of rows that go."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from ours.core import ranges
from ours.store.queries.ledger import Cell


def of_events(groups: Iterable[Any]) -> Counter[Cell]:
    """``groups``: ``count`` events of one ``mode``, ``kind`` and ``refused``, and what they ``owed`` together."""
    tally: Counter[Cell] = Counter()
    for group in groups:
        tally[Cell(group.mode, "accepted")] += group.count * (group.kind == "track")
        tally[Cell(group.mode, "owed")] += int(group.owed)
        tally[Cell(group.mode, "refused")] += group.count * len(ranges.read(group.refused))
    return tally


def of_dispatches(groups: Iterable[Any]) -> Counter[Cell]:
    """``groups``: ``count`` dispatches of one ``mode`` and ``state``, and how many of them are ``replays``."""
    tally: Counter[Cell] = Counter()
    for group in groups:
        tally[Cell(group.mode, group.state)] += group.count
        tally[Cell(group.mode, "replays")] += group.replays
    return tally
