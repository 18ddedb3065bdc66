"""What retention has deleted, in figures: so that the balance still knows of it."""

from sqlalchemy import CheckConstraint, Column, String, Table

from ours.store.tables.types import Number, metadata

ledger = Table(
    "ledger",
    metadata,
    Column("mode", String(4), primary_key=True),
    Column("figure", String(10), primary_key=True, comment="accepted, owed, refused, replays, or a state"),
    Column("count", Number, nullable=False),
    CheckConstraint("mode IN ('live', 'test')", name="mode"),
    sqlite_with_rowid=False,
)
