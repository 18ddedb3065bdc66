"""Destinations and their allow lists."""

from sqlalchemy import CheckConstraint, Column, Float, ForeignKey, Integer, LargeBinary, String, Table, Text

from ours.store.tables.types import Moment, Number, metadata

destinations = Table(
    "destinations",
    metadata,
    Column("id", Number, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("slug", String(100), nullable=False, comment="Names the plugin"),
    Column("status", String(8), nullable=False),
    Column("paused_for", String(40), comment="Why, when we paused it"),
    Column("settings", LargeBinary, nullable=False, comment="Sealed JSON"),
    Column("mapping", Text, nullable=False, comment="JSON: destination field → template, over the plugin's default"),
    Column("cases", Text, nullable=False, server_default="[]",
           comment="JSON: conditional mappings, in the order in which they are asked"),
    Column("sources", Text, comment="JSON: the sources that it listens to; null: all"),
    Column("category", String(20), comment="Null: its plugin's"),
    Column("agreement", String(12), nullable=False, server_default="none"),
    Column("version", Integer, nullable=False, comment="Counts the changes; kept with each attempt"),
    # How fast it may be delivered to; null is the default:
    Column("max_in_flight", Integer, comment="Tries under way at once, over all workers"),
    Column("rate_limit", Float, comment="Tries a second"),
    Column("retry_schedule", Text, comment="JSON: the longest wait in seconds after each try"),
    Column("drain_rate", Float, comment="Dispatches a second once it is resumed"),
    # How it fares, shared by all workers:
    Column("breaker", String(9), nullable=False, server_default="closed"),
    Column("breaker_failures", Integer, nullable=False, server_default="0", comment="In a row"),
    Column("breaker_refusals", Integer, nullable=False, server_default="0", comment="Of our credentials, in a row"),
    Column("breaker_until", Moment, comment="When an open breaker may be tried"),
    Column("rests_until", Moment, comment="It asked to be left alone until then"),
    Column("rate_tokens", Float),
    Column("rate_at", Moment, comment="When the tokens were counted"),
    Column("drained_until", Moment, comment="Up to when the released backlog is spread"),
    Column("leaving_since", Moment, comment="Removed as soon as what waits is delivered; since when"),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    CheckConstraint("agreement IN ('none', 'available', 'signed', 'self-hosted')", name="agreement"),
    CheckConstraint("breaker IN ('closed', 'open', 'half_open')", name="breaker"),
    CheckConstraint("status IN ('on', 'paused', 'off', 'removed')", name="status"),
    sqlite_autoincrement=True,
)  # fmt: skip

allowed = Table(
    "allowed",
    metadata,
    Column("destination_id", ForeignKey("destinations.id"), primary_key=True),
    Column("name_key", String(32), primary_key=True, comment="Hash of the folded event name, or * for all events"),
    Column("name", Text, nullable=False, comment="As typed"),
    sqlite_with_rowid=False,
)
