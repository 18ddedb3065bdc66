"""What the database says about itself."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, text

from ours.store.tables import keepsakes, metadata

_TOLD = (
    "fsync", "synchronous_commit", "full_page_writes", "statement_timeout", "transaction_timeout",
)  # fmt: skip
_PAGES = ("page_count", "freelist_count", "page_size")
_IN_THE_WAY = text(
    "SELECT holder.pid, holder.usename AS person, holder.application_name AS program,"
    " extract(epoch FROM now() - holder.xact_start)::int AS seconds FROM pg_stat_activity holder WHERE holder.pid IN"
    " (SELECT unnest(pg_blocking_pids(waiting.pid)) FROM pg_stat_activity waiting"
    " WHERE waiting.datname = current_database() AND waiting.wait_event_type = 'Lock' UNION SELECT pid FROM pg_locks"
    " WHERE granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND relation IN (SELECT to_regclass(name) FROM unnest(CAST(:ours AS text[])) name)"
    " AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'))"
    " AND holder.wait_event_type IS DISTINCT FROM 'Lock'"
    " AND coalesce(holder.xact_start <= now() - make_interval(secs => :long), true) ORDER BY holder.xact_start"
)
_UNCLEANED = text(
    "SELECT pid, usename AS person, application_name AS program, extract(epoch FROM now() - xact_start)::int AS seconds"
    " FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
    " AND pid <> pg_backend_pid() AND coalesce(backend_xmin, backend_xid) IS NOT NULL"
    " AND xact_start <= now() - make_interval(secs => :long) ORDER BY xact_start"
)
_LACKING = text(
    "SELECT 'TABLE ' || name AS thing, string_agg(verb, ', ') AS verbs FROM unnest(CAST(:ours AS text[])) name,"
    " unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) verb WHERE NOT has_table_privilege(name, verb)"
    " GROUP BY 1 UNION SELECT 'SEQUENCE ' || name || '_id_seq', string_agg(verb, ', ')"
    " FROM unnest(CAST(:ours AS text[])) name, unnest(ARRAY['SELECT', 'USAGE']) verb"
    " WHERE NOT has_sequence_privilege(to_regclass(name || '_id_seq'), verb) GROUP BY 1 ORDER BY 1"
)
_OWNER = text(
    "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass('events')"
    " AND NOT pg_has_role(relowner, 'USAGE')"
)
LONG = 5
"""Seconds for which others may be kept waiting."""
VERY_LONG = 600
"""Seconds for which a transaction may keep what was changed since from being cleaned away."""
_TRIAL = "trial"
_TRIAL_BYTES = 64 * 1024


def try_to_write(connection: Connection) -> None:
    """Write more than fits into what is allotted already, and take it away again: for nobody to see."""
    be_let_in(connection)
    connection.execute(insert(keepsakes).values(name=_TRIAL, sealed=secrets.token_bytes(_TRIAL_BYTES)))
    connection.execute(delete(keepsakes).where(keepsakes.c.name == _TRIAL))


def be_let_in(connection: Connection) -> None:
    """Stand in line where an event does: what others have locked keeps us out, too. SQLite has one lock for all."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE ONLY events, ONLY seen, ONLY volumes IN ROW EXCLUSIVE MODE"))


def in_the_way(connection: Connection) -> Sequence[Any]:
    """On PostgreSQL: the sessions that keep others waiting, and for how many seconds their transactions have lasted.

    That is None for those of whom our own account is told little.
    """
    return connection.execute(_IN_THE_WAY, {"ours": [*metadata.tables, "alembic_version"], "long": LONG}).all()


def uncleaned(connection: Connection) -> Sequence[Any]:
    """On PostgreSQL: the sessions whose transaction has kept vacuum from its work for very long, as ``in_the_way``.

    Of other roles' sessions, only who may read all statistics is told.
    """
    return connection.execute(_UNCLEANED, {"long": VERY_LONG}).all()


def lacking(connection: Connection) -> Sequence[Any]:
    """On PostgreSQL: each table and sequence of ours that our role may not use as we do, with what it may not."""
    return connection.execute(_LACKING, {"ours": list(metadata.tables)}).all()


def other_owner(connection: Connection) -> str | None:
    """On PostgreSQL: whose the tables are, when our role may not change their shape."""
    owner: str | None = connection.scalar(_OWNER)
    return owner


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
