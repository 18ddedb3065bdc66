"""Visitors, the identifiers that name them, and who was forgotten."""

from sqlalchemy import CheckConstraint, Column, LargeBinary, String, Table, Text

from ours.store.tables.types import Id, Moment, metadata

visitors = Table(
    "visitors",
    metadata,
    Column("id", Id, primary_key=True, comment="Keyed hash of mode and the visitor's public id"),
    Column("mode", String(4), nullable=False),
    Column("born", Id, nullable=False, comment="The event that made the visitor: says who is older"),
    Column("alias_of", Id, index=True, comment="Merged into this one"),
    Column("created_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("profile", LargeBinary, nullable=False, comment="Sealed: public id, identifiers in clear, properties"),
    CheckConstraint("mode IN ('live', 'test')", name="mode"),
    sqlite_with_rowid=False,
)

identifiers = Table(
    "identifiers",
    metadata,
    Column("hash", Id, primary_key=True, comment="Keyed hash of mode, kind and normalised value"),
    Column("visitor_id", Id, nullable=False, index=True),
    Column("kind", String(8), nullable=False),
    Column("attached_at", Moment, nullable=False),
    CheckConstraint("kind IN ('external', 'email', 'phone')", name="kind"),
    sqlite_with_rowid=False,
)

forgotten = Table(
    "forgotten",
    metadata,
    Column("visitor_id", Id, primary_key=True, comment="A keyed hash: it names nobody by itself"),
    Column("forgotten_at", Moment, nullable=False),
    Column("taken", Text, comment="JSON: what was taken of their events so far; null: not begun, or done"),
    sqlite_with_rowid=False,
)
