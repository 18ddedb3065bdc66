"""What the database says about the time, to compare with what the clock says."""

from sqlalchemy import Connection, select, text

from ours import clock
from ours.store.tables import events

_NOW = {
    "postgresql": "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)",
    "sqlite": "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
}


def now(connection: Connection) -> int:
    """The database's own clock, in milliseconds."""
    return int(connection.scalar(text(_NOW[connection.dialect.name])) or 0)


def common(connection: Connection) -> int:
    """The moment by a clock that all processes share: the database's. On SQLite they share their machine's."""
    return clock.now_ms() if connection.dialect.name == "sqlite" else now(connection)


def earlier(connection: Connection) -> int:
    """By the earlier of the two clocks, for whoever deletes by age: one that is ahead alone deletes nothing."""
    return min(clock.now_ms(), common(connection))


def first_event(connection: Connection) -> int | None:
    """When the oldest event that is still kept was received."""
    return connection.scalar(select(events.c.received_at).order_by(events.c.id).limit(1))


def newest_event(connection: Connection) -> int | None:
    """When the last event was received."""
    return connection.scalar(select(events.c.received_at).order_by(events.c.id.desc()).limit(1))
