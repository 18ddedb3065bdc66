"""What the watch over the installation found: alerts, and the latest checks of conservation."""

from sqlalchemy import CheckConstraint, Column, Index, String, Table, Text, text

from ours.store.tables.types import Moment, Number, metadata

OPEN = text("closed_at IS NULL")
DUE = text("due_at IS NOT NULL")

alerts = Table(
    "alerts",
    metadata,
    Column("id", Number, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("subject", String(100), nullable=False, comment="destination 3, plugin crm, or empty; never personal data"),
    Column("words", Text, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("well_at", Moment, comment="Since when it is well again; not closed at once, lest it flutters"),
    Column("closed_at", Moment),
    Column("told_at", Moment, comment="When it was told last"),
    Column("due_at", Moment, comment="When it is to be told (again); null: all is told"),
    Column("problem", Text, comment="Why it could not be told by some channel the last time"),
    Column("missed", Text, comment="Names of channels, with commas: only these have yet to be told the last news"),
    CheckConstraint("closed_at IS NULL OR well_at IS NOT NULL", name="well_when_closed"),
    Index("uq_alerts_open", "kind", "subject", unique=True, sqlite_where=OPEN, postgresql_where=OPEN),
    Index("ix_alerts_due", "due_at", sqlite_where=DUE, postgresql_where=DUE),
    sqlite_autoincrement=True,
)

checks = Table(
    "checks",
    metadata,
    Column("name", String(10), primary_key=True, comment="balance, or events"),
    Column("at", Moment, nullable=False),
    Column("result", Text, nullable=False, comment="JSON"),
    sqlite_with_rowid=False,
)
