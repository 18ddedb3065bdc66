"""Brings the database to the tables' present shape."""

from pathlib import Path
from typing import Any

from sqlalchemy import inspect, text

from ours.store.engine import Store

_FOLDER = Path(__file__).parent / "migrations"


def upgrade(store: Store, revision: str = "head") -> None:
    _run(store, "upgrade", revision)


def downgrade(store: Store, revision: str) -> None:
    _run(store, "downgrade", revision)


def revise(store: Store, message: str) -> None:
    """Write a new migration from the difference between database and tables (for developers)."""
    _run(store, "revision", message=message, autogenerate=True, rev_id=f"{int(_head()) + 1:04}")


def is_current(store: Store) -> bool:
    with store.read() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        return bool(connection.scalar(text("SELECT version_num FROM alembic_version")) == _head())


def _run(store: Store, verb: str, *args: Any, **options: Any) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={})
    config.set_main_option("script_location", str(_FOLDER))
    with store.write() as connection:
        config.attributes["connection"] = connection
        getattr(command, verb)(config, *args, **options)


def _head() -> str:
    """The newest migration; their files are numbered."""
    return max((file.name.partition("_")[0] for file in (_FOLDER / "versions").glob("[0-9]*.py")), default="0000")
