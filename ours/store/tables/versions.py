"""What the configuration was, each time that somebody changed it."""

from sqlalchemy import Column, Index, Integer, LargeBinary, String, Table, Text

from ours.store.tables.types import Id, Moment, metadata

versions = Table(
    "versions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("subject", String(40), nullable=False, comment="destination 3, or governance"),
    Column("number", Integer, nullable=False, comment="Counts the subject's versions"),
    Column("at", Moment, nullable=False),
    Column("actor", String(320), nullable=False),
    Column("verb", String(40), nullable=False),
    Column("why", Text, nullable=False),
    Column("document", LargeBinary, nullable=False, comment="Sealed JSON: all that was set from then on"),
    Index("uq_versions_subject_number", "subject", "number", unique=True),
)
