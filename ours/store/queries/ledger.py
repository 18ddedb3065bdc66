"""The figures of what retention has deleted: added to in the deletion's own transaction, never taken from."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, func, select, text

from ours.store.tables import ledger

_ADD = text(
    "INSERT INTO ledger (mode, figure, count) VALUES (:mode, :figure, :count)"
    " ON CONFLICT (mode, figure) DO UPDATE SET count = ledger.count + excluded.count"
)


class Cell(NamedTuple):
    """One counter. ``figure`` is ``accepted``, ``owed``, ``refused``, ``replays`` or a state."""

    mode: str
    figure: str


def add(connection: Connection, tally: Mapping[Cell, int]) -> None:
    rows = [{"mode": cell.mode, "figure": cell.figure, "count": count} for cell, count in sorted(tally.items())]
    if rows:
        connection.execute(_ADD, rows)


def totals(connection: Connection) -> dict[str, int]:
    """Each figure over both modes."""
    query = select(ledger.c.figure, func.sum(ledger.c.count)).group_by(ledger.c.figure)
    return {figure: int(count) for figure, count in connection.execute(query)}
