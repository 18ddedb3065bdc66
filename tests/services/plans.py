"""What was asked of the database, and what its planner would do for that."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa

from ours.store import hand
from tests.services.conftest import Place

SORTS = re.compile(r"TEMP B-TREE|Sort\b")
SCANS = re.compile(r"SCAN (events|dispatches|visitors)$|Seq Scan on (events|dispatches|visitors)", re.M)


@contextmanager
def statements(place: Place) -> Iterator[list[tuple[str, Any]]]:
    """What was asked of the database while the block ran, and with which values."""
    asked: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:
        asked.append((statement, values))

    def note_by_hand(connection: sa.Connection, statement: str, values: Any = ()) -> Any:
        asked.append((statement, tuple(values) if isinstance(values, list) else values))
        return by_hand(connection, statement, values)

    by_hand = hand.run
    sa.event.listen(place.store.engine, "before_cursor_execute", note)
    with patch.object(hand, "run", note_by_hand):
        yield asked
    sa.event.remove(place.store.engine, "before_cursor_execute", note)


def plans(place: Place, asked: Sequence[tuple[str, Any]]) -> list[str]:
    """What the planner would do for each query. PostgreSQL reads tables whole while they are small: not here."""
    with place.store.read() as connection:
        explain = "EXPLAIN QUERY PLAN " if place.store.is_sqlite else "EXPLAIN "
        for name in () if place.store.is_sqlite else ("seqscan", "bitmapscan", "sort"):
            connection.exec_driver_sql(f"SET LOCAL enable_{name} = off")
        found = [connection.exec_driver_sql(explain + text, values).all() for text, values in asked if "SELECT" in text]
    return ["\n".join(str(row[-1]) for row in rows) for rows in found]
