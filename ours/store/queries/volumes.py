"""How much each source sent, by minute; when each key was last used."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, text, update

from ours.store.tables import keys

_ADD = text(
    "INSERT INTO volumes (minute, source_id, mode, received, duplicate, rejected)"
    " VALUES (:minute, :source_id, :mode, :received, :duplicate, :rejected)"
    " ON CONFLICT (minute, source_id, mode) DO UPDATE SET received = volumes.received + excluded.received,"
    " duplicate = volumes.duplicate + excluded.duplicate, rejected = volumes.rejected + excluded.rejected"
)
_USED = update(keys).where(keys.c.id == bindparam("key")).values(last_used_at=bindparam("now"))


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
    if rows:
        connection.execute(
            _ADD,
            [
                {"minute": minute, "source_id": source, "mode": mode, "received": figures["received"],
                 "duplicate": figures["duplicate"], "rejected": figures["rejected"]}
                for (minute, source, mode), figures in sorted(rows.items())
            ],
        )  # fmt: skip


def note_use(connection: Connection, key_ids: Sequence[int], now: int) -> None:
    connection.execute(_USED, [{"key": key_id, "now": now} for key_id in sorted(key_ids)])
