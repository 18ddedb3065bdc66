"""Visitors and their identifiers: loaded in bulk for a batch of events, and written back in one go."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from ours.store import bulk
from ours.store.hand import Prepared
from ours.store.tables import identifiers, visitors

_ALL = Prepared(select(visitors))
_ALIASES = Prepared(select(visitors.c.id, visitors.c.alias_of))
_HOLDERS = Prepared(select(identifiers.c.hash, identifiers.c.visitor_id))
_CHANGED = bulk.overwrite(("id",), ("alias_of", "created_at", "seen_at", "profile"))
_MOVED = bulk.overwrite(("hash",), ("visitor_id",))
_LED = update(visitors).where(visitors.c.alias_of == bindparam("old")).values(alias_of=bindparam("new"))
_HELD = update(identifiers).where(identifiers.c.visitor_id == bindparam("old")).values(visitor_id=bindparam("new"))


def by_id(connection: Connection, ids: Iterable[str]) -> list[Any]:
    return _ALL.among(connection, "id", ids)


def roots(connection: Connection, ids: Iterable[str]) -> dict[str, Any]:
    """Each visitor's row, or that of the one it was merged into, by the id asked for."""
    found = {row.id: row for row in by_id(connection, ids)}
    merged = {row.alias_of for row in found.values() if row.alias_of} - found.keys()
    known = found | {row.id: row for row in by_id(connection, merged)}
    return {visitor_id: known[row.alias_of or visitor_id] for visitor_id, row in found.items()}


def now_named(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """The id of each visitor, or of the one it was merged into, by the id asked for; reads nothing that is sealed."""
    return {row.id: row.alias_of or row.id for row in _ALIASES.among(connection, "id", ids)}


def holders(connection: Connection, hashes: Iterable[str]) -> dict[str, str]:
    """Which visitor each of these identifiers names."""
    return {row.hash: row.visitor_id for row in _HOLDERS.among(connection, "hash", hashes)}


def save(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write visitors whole: new ones and changed ones."""
    columns = visitors.c.keys()
    bulk.insert(connection, "visitors", columns, [[row[name] for name in columns] for row in rows], _CHANGED)


def hold(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Attach identifiers to visitors."""
    columns = identifiers.c.keys()
    bulk.insert(connection, "identifiers", columns, [[row[name] for name in columns] for row in rows], _MOVED)


def absorb(connection: Connection, moves: Mapping[str, str]) -> None:
    """Let every alias and identifier of the merged visitors name their roots."""
    if moves:
        values = [{"old": old, "new": new} for old, new in moves.items()]
        connection.execute(_LED, values)
        connection.execute(_HELD, values)
