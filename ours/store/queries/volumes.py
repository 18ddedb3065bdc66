"""How much each source sent, by minute; when each key was last used."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

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


def add(connection: Connection, tally: Mapping[Cell, int]) -> None:
    rows: dict[tuple[int, int, str], Counter[str]] = {}
    for cell, count in tally.items():
        rows.setdefault((cell.minute, cell.source_id, cell.mode), Counter())[cell.figure] += count
    values = [(*key, *(figures[name] for name in _COLUMNS[3:])) for key, figures in sorted(rows.items())]
    bulk.insert(connection, "volumes", _COLUMNS, values, _ADDING)


def note_use(connection: Connection, key_ids: Sequence[int], now: int) -> None:
    bulk.change(connection, "UPDATE keys SET last_used_at = {} WHERE id IN", (now,), sorted(key_ids))
