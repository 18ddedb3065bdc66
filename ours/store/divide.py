"""Turns a table into one that PostgreSQL divides by day, while others go on reading and writing it.

Nothing is copied: the table becomes the first partition of a new one that takes its name. PostgreSQL must know that all
of its rows lie below the first day, so a check says so (a short lock), is validated (no lock that anybody feels), and
only then the names change places (a short lock again). All but the validation is one transaction each, and whatever it
ends by, the check is taken away again: it would refuse what comes after the first day.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy import Connection, text

from ours import ids
from ours.errors import Busy
from ours.store import failing
from ours.store.engine import Store
from ours.store.queries import partitions, snapshot
from ours.store.queries.partitions import KEYS

T = TypeVar("T")
_TRIES, _PAUSE = 20, 1.0
_IN_THE_WAY = "55P03", "40P01"
"""SQLSTATE: a lock was waited for, for as long as anybody should; two waited for each other."""
_CHECK = "ours_until"
_INDEXES = text(
    "SELECT index.relname AS name, pg_get_indexdef(index.oid) AS made, conname, pg_get_constraintdef(c.oid) AS key"
    " FROM pg_index JOIN pg_class index ON index.oid = indexrelid LEFT JOIN pg_constraint c ON conindid = indexrelid"
    " WHERE indrelid = to_regclass(:name) ORDER BY indexrelid"
)
_GRANTS = text(
    "SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS who, privilege_type AS what"
    " FROM pg_class, aclexplode(relacl) WHERE oid = to_regclass(:name) AND grantee <> relowner"
)
_OBSTACLES = text(
    "SELECT 'the view ' || ev_class::regclass FROM pg_depend JOIN pg_rewrite ON pg_rewrite.oid = objid"
    " WHERE classid = 'pg_rewrite'::regclass AND refobjid = to_regclass(:name)"
    " UNION SELECT 'the trigger ' || tgname FROM pg_trigger WHERE tgrelid = to_regclass(:name)"
    " UNION SELECT 'the publication ' || pubname FROM pg_publication_rel JOIN pg_publication p ON p.oid = prpubid"
    " WHERE prrelid = to_regclass(:name)"
)
_HAS_CHECK = text("SELECT 1 FROM pg_constraint WHERE conrelid = to_regclass(:name) AND conname = :check")


def divide(store: Store, of: str, until: int) -> None:
    """Make ``of`` a divided table, whose first partition holds all ids that were and will be made before ``until``.

    :raises Busy: when others hold the table for long; then all is as it was.
    """
    try:
        _swiftly(store, of, lambda connection: _promise(connection, of, until))
        with store.write() as connection:
            snapshot.unhurried(connection)
            connection.execute(text(f"ALTER TABLE {of} VALIDATE CONSTRAINT {_CHECK}"))
        _swiftly(store, of, lambda connection: _swap(connection, of, until))
    except BaseException:
        with suppress(Busy):  # the scheduler does it then
            undo(store, of)
        raise
    with store.write() as connection:
        snapshot.unhurried(connection)
        connection.execute(text(f"ANALYZE {of}"))


def undo(store: Store, of: str) -> bool:
    """Take away what a division left behind that did not come to its end; whether there was anything."""
    with store.read() as connection:
        left = is_half_done(connection, of)
    if left:
        drop = text(f"ALTER TABLE {of} DROP CONSTRAINT IF EXISTS {_CHECK}")
        _swiftly(store, of, lambda connection: connection.execute(drop))
    return left


def is_half_done(connection: Connection, of: str) -> bool:
    """Whether the check is there, and the table is not divided: somebody is at it, or was killed over it."""
    return connection.dialect.name == "postgresql" and bool(
        connection.scalar(_HAS_CHECK, {"name": of, "check": _CHECK})
    )


def obstacles(connection: Connection, of: str) -> list[str]:
    """What hangs on a table that is not divided yet, is not ours, and would go on with its first partition alone."""
    return [] if partitions.is_divided(connection, of) else sorted(connection.scalars(_OBSTACLES, {"name": of}))


def _promise(connection: Connection, of: str, until: int) -> None:
    connection.execute(text(f"ALTER TABLE {of} DROP CONSTRAINT IF EXISTS {_CHECK}"))
    below = f"{KEYS[of].name} < '{ids.floor(until)}'"
    connection.execute(text(f"ALTER TABLE {of} ADD CONSTRAINT {_CHECK} CHECK ({below}) NOT VALID"))


def _swap(connection: Connection, of: str, until: int) -> None:
    """The new table gets the same columns, checks, indexes and grants, by the same names."""
    past = f"{of}_past"
    connection.execute(text(f"LOCK TABLE {of} IN ACCESS EXCLUSIVE MODE"))
    indexes = connection.execute(_INDEXES, {"name": of}).all()
    grants = connection.execute(_GRANTS, {"name": of}).all()
    statements = [f"ALTER TABLE {of} RENAME TO {past}"]
    statements += [f"ALTER INDEX {index.name} RENAME TO {index.name}_past" for index in indexes]
    statements += [
        f"CREATE TABLE {of} (LIKE {past} INCLUDING ALL EXCLUDING INDEXES) PARTITION BY RANGE ({KEYS[of].name})",
        f"ALTER TABLE {of} DROP CONSTRAINT {_CHECK}",
        *(_index(of, index) for index in indexes),
        *(f"GRANT {grant.what} ON {of} TO {grant.who}" for grant in grants),
        f"ALTER TABLE {of} ATTACH PARTITION {past} FOR VALUES FROM (MINVALUE) TO ('{ids.floor(until)}')",
        f"ALTER TABLE {past} DROP CONSTRAINT {_CHECK}",
        f"CREATE TABLE {of}_rest PARTITION OF {of} DEFAULT",
    ]
    for statement in statements:
        connection.exec_driver_sql(statement.replace("%", "%%"))


def _index(of: str, index: Any) -> str:
    """As it was made; it finds the old table's index by itself, and makes none anew."""
    return f"ALTER TABLE {of} ADD CONSTRAINT {index.conname} {index.key}" if index.conname else str(index.made)


def _swiftly(store: Store, of: str, work: Callable[[Connection], object]) -> None:
    def once() -> None:
        with store.write() as connection:
            partitions.approach(connection, of)
            work(connection)

    patiently(once)


def patiently(work: Callable[[], T]) -> T:
    """Try ``work`` again while others hold what it needs.

    :raises Busy: when they do so for half a minute.
    """
    for _ in range(_TRIES):
        try:
            return work()
        except Busy as error:
            if failing.state(error.__cause__) not in _IN_THE_WAY:
                raise
            time.sleep(_PAUSE)
    raise Busy(
        "Somebody has held the table for longer than others should wait: a backup perhaps, or a long query."
        " Nothing was changed. Try again when that is over."
    )
