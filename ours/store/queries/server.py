"""What the database says about itself."""

import secrets
from collections.abc import Mapping

from sqlalchemy import Connection, delete, insert, text

from ours.store.tables import keepsakes

_TOLD = (
    "fsync", "synchronous_commit", "full_page_writes", "statement_timeout", "idle_in_transaction_session_timeout",
    "lock_timeout", "transaction_timeout",
)  # fmt: skip
_PAGES = ("page_count", "freelist_count", "page_size")
_TRIAL = "trial"
_TRIAL_BYTES = 64 * 1024


def try_to_write(connection: Connection) -> None:
    """Write more than fits into what is allotted already, and take it away again: for nobody to see."""
    connection.execute(insert(keepsakes).values(name=_TRIAL, sealed=secrets.token_bytes(_TRIAL_BYTES)))
    connection.execute(delete(keepsakes).where(keepsakes.c.name == _TRIAL))


def version(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT current_setting('server_version_num')::int / 10000")) or 0)


def size(connection: Connection) -> int:
    """Bytes that the database takes, with what is in its write-ahead log only; on SQLite without what is free again."""
    if connection.dialect.name == "sqlite":
        pages, free, page = (connection.scalar(text(f"PRAGMA {what}")) for what in _PAGES)
        return int((pages - free) * page)
    return int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)


def is_read_only(connection: Connection) -> bool:
    """Whether it takes no writes: a standby, or told so."""
    return bool(connection.scalar(text("SELECT current_setting('transaction_read_only')")) == "on")


def settings(connection: Connection) -> Mapping[str, str]:
    """As they hold for our sessions; time-outs in milliseconds. What this version does not have yet is left out."""
    query = text("SELECT name, setting FROM pg_settings WHERE name = ANY(:names)")
    return {row.name: row.setting for row in connection.execute(query, {"names": list(_TOLD)})}
