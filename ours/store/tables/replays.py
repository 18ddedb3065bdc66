"""Replays that go on by themselves, a slice at a time, and can be paused."""

from sqlalchemy import Boolean, CheckConstraint, Column, Index, Integer, String, Table, Text, text

from ours.store.tables.types import Id, Moment, Number, metadata

GOING = text("state IN ('running', 'paused')")

replays = Table(
    "replays",
    metadata,
    Column("id", Number, primary_key=True),
    Column("state", String(9), nullable=False),
    Column("actor", String(320), nullable=False, comment="A person's email, or cli"),
    Column("wanted", Text, nullable=False, comment="JSON: which dispatches"),
    Column("most", Integer, comment="At most so many; null: all"),
    Column("fresh_id", Boolean, nullable=False),
    Column("matching", Integer, nullable=False, comment="How many matched when it began"),
    Column("made", Integer, nullable=False, comment="How many were made so far"),
    Column("upto", Id, comment="The newest dispatch when it began; null: there was none"),
    Column("place", Text, comment="JSON: destination, state and dispatch that it has come to"),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    CheckConstraint("state IN ('running', 'paused', 'done', 'cancelled')", name="state"),
    Index("ix_replays_going", "id", sqlite_where=GOING, postgresql_where=GOING),
    sqlite_autoincrement=True,
)
