"""How much each source sent, by minute; when each key was last used."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ours.store import bulk

_COLUMNS = ("minute", "source_id", "mode", "received", "duplicate", "rejected")
_ADDING = (
    "ON CONFLICT (minute, source_id, mode) DO UPDATE SET received = volumes.received + excluded.received,"
    " duplicate = volumes.duplicate + excluded.duplicate, rejected = volumes.rejected + excluded.rejected"
)


class Cell(NamedTuple):
    """One counter: ``figure`` is ``received``, ``duplicate`` or ``rejected``; ``minute`` its first millisecond."""

    minute: int
    source_id: int
    mode: str
    figure: str


def add(target: bulk.Target, tally: Mapping[Cell, int]) -> None:
    rows: dict[tuple[int, int, str], Counter[str]] = {}
    for cell, count in tally.items():
        rows.setdefault((cell.minute, cell.source_id, cell.mode), Counter())[cell.figure] += count
    values = [(*key, *(figures[name] for name in _COLUMNS[3:])) for key, figures in sorted(rows.items())]
    bulk.insert(target, "volumes", _COLUMNS, values, _ADDING)


def note_use(target: bulk.Target, key_ids: Sequence[int], now: int) -> None:
    bulk.change(target, "UPDATE keys SET last_used_at = {} WHERE id IN", now, sorted(key_ids))
