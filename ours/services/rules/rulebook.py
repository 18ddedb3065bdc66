"""The governance rules that are in force, ready to be asked; read again only when they changed."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Connection

from ours.core import logic
from ours.core.governance import Rule
from ours.store.queries import rules as queries


class Rulebook:
    """One reader's copy. ``refresh`` gives the same tuple as before when nothing changed."""

    def __init__(self) -> None:
        self._seen: Sequence[Any] | None = None
        self._rules: tuple[Rule, ...] = ()

    def refresh(self, connection: Connection) -> tuple[Rule, ...]:
        rows = queries.in_force(connection)
        if self._seen is None or rows != self._seen:
            self._rules, self._seen = compiled(rows), rows
        return self._rules


def compiled(rows: Sequence[Any]) -> tuple[Rule, ...]:
    """Rows as rules. Their logic was read before it was stored."""
    return tuple(
        Rule(row.name, frozenset(orjson.loads(row.covers)), logic.read(orjson.loads(row.logic))) for row in rows
    )
