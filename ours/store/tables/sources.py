"""Sources, their keys, their volumes, and why what they sent was refused."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, LargeBinary, String, Table

from ours.store.tables.types import Moment, Number, metadata

sources = Table(
    "sources",
    metadata,
    Column("id", Number, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("status", String(12), nullable=False),
    Column("rate_limit", Number, comment="Requests a second; null: no limit"),
    Column("created_at", Moment, nullable=False),
    CheckConstraint("status IN ('active', 'deactivated', 'deleted')", name="status"),
    sqlite_autoincrement=True,
)

keys = Table(
    "keys",
    metadata,
    Column("id", Number, primary_key=True),
    Column("source_id", ForeignKey("sources.id"), nullable=False, index=True),
    Column("mode", String(4), nullable=False),
    Column("hash", String(64), nullable=False, unique=True, comment="SHA-256 of the key, for look-up"),
    Column("sealed", LargeBinary, nullable=False, comment="The key itself, for the Install page"),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, comment="Null: does not expire"),
    Column("revoked_at", Moment),
    Column("last_used_at", Moment),
    CheckConstraint("mode IN ('live', 'test')", name="mode"),
    sqlite_autoincrement=True,
)

volumes = Table(
    "volumes",
    metadata,
    Column("minute", Moment, primary_key=True, comment="Start of the minute"),
    Column("source_id", Number, primary_key=True),
    Column("mode", String(4), primary_key=True),
    Column("received", Number, nullable=False, default=0, comment="Good events, duplicates among them"),
    Column("duplicate", Number, nullable=False, default=0),
    Column("rejected", Number, nullable=False, default=0, comment="Answered 4xx"),
    Index("ix_volumes_source_id_minute", "source_id", "minute"),
    sqlite_with_rowid=False,
)

refusals = Table(
    "refusals",
    metadata,
    Column("source_id", Number, primary_key=True),
    Column("hour", Moment, primary_key=True, comment="Start of the hour"),
    Column("mode", String(4), primary_key=True),
    Column("code", String(32), primary_key=True, comment="Of the answer, or of the row of a batch"),
    Column("fields", String(500), primary_key=True, comment="Names of our own fields, a blank between; nothing sent"),
    Column("count", Number, nullable=False),
    Column("last_at", Moment, nullable=False),
    Column("request", String(64), nullable=False, comment="What the last of them was called"),
    Index("ix_refusals_hour", "hour"),
    sqlite_with_rowid=False,
)
