"""The governance rules, in the order in which they are asked."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select, text

from ours.store.hand import Prepared
from ours.store.tables import rules

_ALL = select(rules).order_by(rules.c.position, rules.c.id)
_IN_FORCE = Prepared(_ALL.where(rules.c.enabled.is_(True)))


def rows(connection: Connection) -> Sequence[Any]:
    return connection.execute(_ALL).all()


def in_force(connection: Connection) -> Sequence[Any]:
    """Those that are switched on."""
    return _IN_FORCE.all(connection)


def hold(connection: Connection) -> None:
    """Let nobody else change them before this transaction ends; on SQLite nobody writes meanwhile anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE rules IN SHARE ROW EXCLUSIVE MODE"))


def replace_all(connection: Connection, values: Sequence[Mapping[str, Any]]) -> None:
    """Put these in place of all there are. Those with an ``id`` keep it."""
    connection.execute(delete(rules))
    for row in values:
        connection.execute(insert(rules).values(dict(row)))
