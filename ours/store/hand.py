"""Runs statements by the driver's own hand: with nothing between them and the database.

A small statement costs SQLAlchemy ten times what it costs SQLite. So the statements of the event's road are written
with SQLAlchemy (``Prepared``) or as text, and run by hand inside its transactions. Measured in
``docs/profiles.md``.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from sqlalchemy import Boolean, ColumnElement, Connection, Dialect, Select, Update
from sqlalchemy.dialects import registry

from ours.store.chunks import batched
from ours.store.tables.types import Id, plain

Values = Mapping[str, Any] | Sequence[Any]
MOST = 250
"""So many rows, or values after ``IN``, go into one statement."""


def run(connection: Connection, statement: str, values: Values = ()) -> Any:
    """The driver's cursor, which has what came of it."""
    return _driver(connection).execute(statement, values)


def run_each(connection: Connection, statement: str, rows: Sequence[Values]) -> int:
    """Run it for each of ``rows``; answers how many it changed."""
    cursor = _driver(connection).cursor()
    cursor.executemany(statement, rows)
    return int(cursor.rowcount)


def mark(connection: Connection) -> str:
    """What stands for a value in a statement."""
    return "?" if connection.dialect.name == "sqlite" else "%s"


def marks(connection: Connection, values: Sequence[Any]) -> str:
    """What stands for a row of values, or after ``IN``."""
    return f"({', '.join([mark(connection)] * len(values))})"


class Prepared:
    """A statement written with SQLAlchemy, once, and run by hand. Its values are named with ``bindparam``.

    :param row: the kind of named tuple that its rows are; by itself, one that has the names of its columns.
    """

    def __init__(self, clause: Select[Any] | Update, row: type[Any] | None = None) -> None:
        self._clause = clause
        self._row = row or cast("Any", namedtuple)("Row", clause.exported_columns.keys(), rename=True)
        self._written: dict[str, _Written] = {}

    def all(self, connection: Connection, **values: Any) -> list[Any]:
        """The rows, as named tuples."""
        written = self._in(connection)
        return written.read(run(connection, written.text, {**written.constants, **values}).fetchall())

    def each(self, connection: Connection, wanted: Iterable[Mapping[str, Any]]) -> list[Any]:
        """The rows for each of ``wanted``, one after the other: asked for at once, where a journey is to be spared."""
        written = self._in(connection)
        with nullcontext() if connection.dialect.name == "sqlite" else _driver(connection).pipeline():
            asked = [run(connection, written.text, {**written.constants, **values}) for values in wanted]
            return written.read([row for cursor in asked for row in cursor.fetchall()])

    def column(self, connection: Connection, **values: Any) -> list[Any]:
        """The first column of each row."""
        return [row[0] for row in self.all(connection, **values)]

    def value(self, connection: Connection, **values: Any) -> Any:
        """The first column of the first row; None when there is none."""
        rows = self.all(connection, **values)
        return rows[0][0] if rows else None

    def among(self, connection: Connection, column: str, values: Iterable[Any], ending: str = "") -> list[Any]:
        """The rows whose ``column`` is one of ``values``; for a statement that has no WHERE and no end of its own."""
        written, found = self._in(connection), []
        for part in batched(values, MOST):
            statement = f"{written.text} WHERE {column} IN {marks(connection, part)} {ending}"
            found += run(connection, statement, part).fetchall()
        return written.read(found)

    def _in(self, connection: Connection) -> "_Written":
        name = connection.dialect.name
        return self._written.get(name) or self._written.setdefault(name, _write(self._clause, self._row, name))


@dataclass(frozen=True, slots=True)
class _Written:
    """A statement in the words of one database. ``readers`` turn what its driver gives into what we mean."""

    text: str
    constants: Mapping[str, Any]
    make: Callable[[Iterable[Any]], Any]
    readers: Sequence[tuple[int, Callable[[Any], Any]]]

    def read(self, rows: Sequence[Any]) -> list[Any]:
        return list(map(self.make, map(self._meant, rows) if self.readers else rows))

    def _meant(self, row: Sequence[Any]) -> list[Any]:
        meant = list(row)
        for at, reader in self.readers:
            if meant[at] is not None:
                meant[at] = reader(meant[at])
        return meant


def _write(clause: Select[Any] | Update, row: type[Any], name: str) -> _Written:
    compiled = clause.compile(dialect=_dialect(name))
    columns = clause.exported_columns
    readers = [(at, reader) for at, column in enumerate(columns) if (reader := _reader(column, name))]
    constants = {key: bind.value for key, bind in compiled.binds.items() if not bind.required}
    return _Written(str(compiled), constants, partial(tuple.__new__, row), readers)


def _dialect(name: str) -> Dialect:
    """Both drivers take values by their names."""
    if name == "sqlite":
        return cast("Dialect", registry.load(name)(paramstyle="named"))
    return cast("Dialect", registry.load(f"{name}.psycopg")())


def _reader(column: ColumnElement[Any], name: str) -> Callable[[Any], Any] | None:
    if isinstance(column.type, Boolean) and name == "sqlite":
        return bool
    return plain if isinstance(column.type, Id) and name != "sqlite" else None


def _driver(connection: Connection) -> Any:
    """The driver's connection, in the transaction that ``Store`` began."""
    return connection.connection.dbapi_connection
