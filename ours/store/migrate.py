"""Brings the database to the tables' present shape."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text

from ours.errors import Invalid
from ours.store.divide import patiently
from ours.store.engine import Store
from ours.store.queries import snapshot

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x6F757273  # "ours"
_BRIEFLY = "2s"
"""A vacuum that runs by itself gives way to who waits for a second."""
_LEFT_OUT = (
    "A newer version of ours has migrated the database, and keeps there what this one does not know of and would leave"
    " out. Do it with that version, though this one serves."
)


def upgrade(store: Store, revision: str = "head") -> None:
    """:raises Busy: when others hold a table for long; then all is as it was."""
    _run(store, "upgrade", revision)


def downgrade(store: Store, revision: str) -> None:
    _run(store, "downgrade", revision)


def move(store: Store, revision: str) -> None:
    """Up or down to that revision, wherever the database is."""
    with store.read() as connection:
        here = _revision(connection)
    (downgrade if here > revision else upgrade)(store, revision)


def revise(store: Store, message: str) -> None:
    """Write a new migration from the difference between database and tables (for developers)."""
    _run(store, "revision", message=message, autogenerate=True, rev_id=f"{int(head()) + 1:04}")


def is_current(store: Store) -> bool:
    """Whether the database has all that this code needs.

    It may be ahead: in a rolling update the newest process migrates, and the others go on (docs/deploy.md says how
    migrations see to that).
    """
    with store.read() as connection:
        return _revision(connection) >= head()


def is_ahead(store: Store) -> bool:
    """Whether a newer version of ours has migrated the database."""
    with store.read() as connection:
        return _revision(connection) > head()


def check_known(store: Store) -> None:
    """:raises Invalid: when the database may hold what this code knows nothing of."""
    if is_ahead(store):
        raise Invalid(_LEFT_OUT)


def is_empty(store: Store) -> bool:
    """Whether the database never had tables of ours."""
    with store.read() as connection:
        return not _revision(connection)


def head() -> str:
    """The newest migration; their files are numbered."""
    return max((file.name.partition("_")[0] for file in (_FOLDER / "versions").glob("[0-9]*.py")), default="0000")


def _revision(connection: Connection) -> str:
    """The database's; empty for one without tables."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return connection.scalar(text("SELECT version_num FROM alembic_version")) or ""


def _run(store: Store, verb: str, *args: Any, **options: Any) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={})
    config.set_main_option("script_location", str(_FOLDER))

    def once() -> None:
        with store.trial() as connection:
            snapshot.unhurried(connection)
            if connection.dialect.name == "postgresql":
                _come_first(connection)
            config.attributes["connection"] = connection
            getattr(command, verb)(config, *args, **options)

    patiently(once)


def _come_first(connection: Connection) -> None:
    """Several processes may start at once: whoever comes second waits, however long it takes. SQLite's take turns.

    A table that somebody reads for long is waited for briefly, for all others wait behind us.
    """
    connection.execute(text("SET LOCAL lock_timeout = 0"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    connection.execute(text(f"SET LOCAL lock_timeout = '{_BRIEFLY}'"))
