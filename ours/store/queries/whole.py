"""Reads and writes tables whole, for those who move house: every row, in an order that references allow."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, column, delete, func, insert, inspect, select, table, text

from ours.store.chunks import batched
from ours.store.queries import counters
from ours.store.tables import counters as counters_table
from ours.store.tables import metadata

_CHUNK = 500
_RESTORE = "restore"
_NOTHING_YET = 1
_OTHERS = text(
    "SELECT substr(application_name, 6) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name ~ '^ours\\M' AND pid <> pg_backend_pid()"
)


def tables() -> Sequence[Table]:
    """All, each after those that it refers to."""
    return metadata.sorted_tables


def filled(connection: Connection) -> list[str]:
    """Those that hold a row. A database without any tables has none."""
    there = set(inspect(connection).get_table_names()) & {one.name for one in tables()}
    return [one for one in sorted(there) if connection.scalar(text(f'SELECT 1 FROM "{one}" LIMIT 1'))]  # noqa: S608


def rows(connection: Connection, of: Table) -> Iterator[Sequence[Any]]:
    """Every row, streamed, in the order of the primary key."""
    query = select(of).order_by(*of.primary_key).execution_options(yield_per=_CHUNK)
    yield from (tuple(row) for row in connection.execute(query))


def unfinished(connection: Connection) -> int:
    """Of which moment the backup is whose restore was not finished, as far as its rows ``are_in``; 0: none."""
    there = inspect(connection).has_table(counters_table.name)
    return counters.noted(connection, _RESTORE) if there else 0


def are_in(begun: int) -> bool:
    """Whether the rows are there of what is ``unfinished``, so that only what follows is to be done."""
    return begun > _NOTHING_YET


def begin(connection: Connection, moment: int = _NOTHING_YET) -> None:
    """Note that what is put in is not all that a restore does; ``finish`` takes it back. Without a moment, no row is in
    yet.
    """
    counters.note(connection, _RESTORE, moment)


def finish(connection: Connection) -> None:
    counters.forget(connection, _RESTORE)


def count(connection: Connection, name: str) -> int:
    return connection.scalar(select(func.count()).select_from(table(name))) or 0


def clear(connection: Connection, names: Iterable[str]) -> None:
    for name in set(names) & set(inspect(connection).get_table_names()):
        connection.execute(delete(table(name)))


def load(connection: Connection, of: Table, names: Sequence[str], given: Iterable[Sequence[Any]]) -> int:
    """Insert rows of the columns ``names``; answers how many. A column that is no more keeps the type that it has."""
    known = {one.name: one.type for one in of.columns}
    if set(names) - set(known):
        known |= {one["name"]: one["type"] for one in inspect(connection).get_columns(of.name)}
    statement = insert(table(of.name, *(column(name, known[name]) for name in names)))
    loaded = 0
    for part in batched(given, _CHUNK):
        connection.execute(statement, [dict(zip(names, row, strict=True)) for row in part])
        loaded += len(part)
    return loaded


def put(connection: Connection, of: Table, given: Iterable[Sequence[Any]]) -> None:
    """Insert whole rows of a table with one key, each in the place of the row that has its key already."""
    (key,) = of.primary_key
    names = [str(one.name) for one in of.columns]
    for part in batched(given, _CHUNK):
        rows = [dict(zip(names, row, strict=True)) for row in part]
        connection.execute(delete(of).where(key.in_([row[key.name] for row in rows])))
        connection.execute(insert(of), rows)


def sequences(connection: Connection) -> dict[str, int]:
    """By table, the highest number that was ever given out: one that is free again is never given to another."""
    if connection.dialect.name == "sqlite":
        return {name: last for name, last in connection.execute(text("SELECT name, seq FROM sqlite_sequence"))}  # noqa: C416
    found = {name: _next_number(connection, name) for name in _numbered()}
    return {name: last for name, last in found.items() if last}


def set_sequences(connection: Connection, given: Mapping[str, int]) -> None:
    for name in _numbered():
        if last := given.get(name):
            _set_sequence(connection, name, last)


def others(connection: Connection) -> Sequence[str]:
    """On PostgreSQL: of each connection that other processes of ours have, the id of the key that seals there."""
    return connection.scalars(_OTHERS).all()


def _numbered() -> list[str]:
    return [str(one.name) for one in tables() if one.dialect_options["sqlite"]["autoincrement"]]


def _next_number(connection: Connection, name: str) -> int:
    sequence = connection.scalar(select(func.pg_get_serial_sequence(name, "id")))
    query = f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}"  # noqa: S608 - its own name
    return int(connection.scalar(text(query)) or 0)


def _set_sequence(connection: Connection, name: str, last: int) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.setval(func.pg_get_serial_sequence(name, "id"), last)))
        return
    here = {"name": name, "last": last}
    if not connection.execute(text("UPDATE sqlite_sequence SET seq = :last WHERE name = :name"), here).rowcount:
        connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"), here)
