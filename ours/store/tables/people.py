"""People who sign in, tokens of programs, what both did, and what the installation remembers about itself."""

from sqlalchemy import Boolean, CheckConstraint, Column, Index, Integer, LargeBinary, String, Table, Text

from ours.store.tables.types import Id, Moment, Number, metadata

people = Table(
    "people",
    metadata,
    Column("id", Number, primary_key=True),
    Column("email", String(320), nullable=False, unique=True, comment="Lower case"),
    Column("password", String(200), nullable=False, comment="argon2id"),
    Column("role", String(8), nullable=False),
    Column("must_change", Boolean, nullable=False, comment="The password was printed or given by somebody else"),
    Column("session", Integer, nullable=False, comment="Raised to end all sessions of this person"),
    Column("created_at", Moment, nullable=False),
    Column("signed_in_at", Moment),
    CheckConstraint("role IN ('admin', 'editor', 'viewer')", name="role"),
    sqlite_autoincrement=True,
)

second_factors = Table(
    "second_factors",
    metadata,
    Column("person_id", Number, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False, comment="Sealed: the secret, its last step, hashes of codes"),
    Column("set_at", Moment, nullable=False),
    sqlite_with_rowid=False,
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Number, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("hash", String(64), nullable=False, unique=True, comment="SHA-256 of the token, which is kept nowhere"),
    Column("scopes", Text, nullable=False, comment="Comma-separated"),
    Column("made_by", String(320), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("revoked_at", Moment),
    Column("last_used_at", Moment),
    sqlite_autoincrement=True,
)

# A trigger of the migration refuses every update; retention alone deletes.
audit = Table(
    "audit",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Moment, nullable=False, index=True),
    Column("actor", String(320), nullable=False, comment="A person's email, or cli"),
    Column("verb", String(40), nullable=False),
    Column("subject", String(120), nullable=False, comment="source 3, destination 2, …; never personal data"),
    Column("detail", Text, nullable=False),
    Index("ix_audit_actor", "actor", "id"),
    Index("ix_audit_subject", "subject", "id"),
)

keepsakes = Table(
    "keepsakes",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
