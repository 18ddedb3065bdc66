"""What was counted up to a moment: so that a counter never falls, and asking for it never reads all rows."""

from sqlalchemy import Column, Integer, String, Table

from ours.store.tables.types import Number, metadata

counters = Table(
    "counters",
    metadata,
    Column("name", String(16), primary_key=True, comment="events, attempts, delays; upto: when the counting stopped"),
    Column("of", Number, primary_key=True, autoincrement=False, comment="The source or destination; 0: neither"),
    Column("mode", String(4), primary_key=True, comment="live, test, or empty"),
    Column("what", String(16), primary_key=True, comment="received, duplicate, …; an outcome; what was counted upto"),
    Column("bucket", Integer, primary_key=True, comment="Of a histogram: the place of its upper bound; else 0"),
    Column("count", Number, nullable=False),
    Column("total", Number, nullable=False, server_default="0", comment="Of the milliseconds"),
    sqlite_with_rowid=False,
)
