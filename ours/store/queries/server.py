"""What PostgreSQL says about itself."""

from collections.abc import Mapping

from sqlalchemy import Connection, text

_TOLD = (
    "fsync", "synchronous_commit", "full_page_writes", "statement_timeout", "idle_in_transaction_session_timeout",
    "lock_timeout",
)  # fmt: skip


def version(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT current_setting('server_version_num')::int / 10000")) or 0)


def settings(connection: Connection) -> Mapping[str, str]:
    """As they hold for our sessions; time-outs in milliseconds."""
    query = text("SELECT name, setting FROM pg_settings WHERE name = ANY(:names)")
    return {row.name: row.setting for row in connection.execute(query, {"names": list(_TOLD)})}
