"""Governance: rules that stop events, whatever the allow lists say."""

from sqlalchemy import Boolean, Column, Integer, String, Table, Text

from ours.store.tables.types import Moment, Number, metadata

rules = Table(
    "rules",
    metadata,
    Column("id", Number, primary_key=True),
    Column("position", Integer, nullable=False, comment="The smaller is asked first"),
    Column("name", String(80), nullable=False),
    Column("note", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("covers", Text, nullable=False, comment="JSON: ids of destinations, names of categories, or *"),
    Column("logic", Text, nullable=False, comment="JSON: when it stops"),
    Column("updated_at", Moment, nullable=False),
    sqlite_autoincrement=True,
)
