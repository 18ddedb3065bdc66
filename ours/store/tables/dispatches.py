"""Dispatches and their attempts."""

from sqlalchemy import CheckConstraint, Column, Index, Integer, LargeBinary, String, Table, text

from ours.store.tables.types import Id, Moment, Number, metadata, one_of

_STATES = ("pending", "sending", "retrying", "delivered", "rejected", "exhausted", "stopped", "held", "sunk")
_SENT = one_of("state", "delivered", "retrying", "exhausted")
_FIRST = text("replay_of IS NULL")
_REPLAYS = text("replay_of IS NOT NULL")
# In these words the partial indexes know their rows. A query that is to use one has to say the same, and not by a value
# that is bound: SQLite compares the text.
WAITING = text("due_at IS NOT NULL")  # pending or retrying
IN_HAND = text("lease_until IS NOT NULL")
HELD = text("state = 'held'")
OPEN_PARTS = (WAITING, IN_HAND, HELD)
OPEN = text(one_of("state", "pending", "sending", "retrying", "held"))
# Who says this too may use the index of what did not simply arrive; IS TRUE keeps all others from it, to whom a state
# alone would seem to say enough.
TROUBLE = text(f"{one_of('state', 'retrying', 'rejected', 'exhausted', 'stopped', 'held')} IS TRUE")
_IN_LANE = text(f"lane IS NOT NULL AND {OPEN.text}")

dispatches = Table(
    "dispatches",
    metadata,
    Column("id", Id, primary_key=True),
    Column("event_id", Id, nullable=False),
    Column("destination_id", Number, nullable=False),
    Column("mode", String(4), nullable=False),
    Column("state", String(10), nullable=False),
    Column("reason", String(100), comment="Why it is in this state, as a code; see docs/reasons.md"),
    Column("attempts", Integer, nullable=False, default=0),
    Column("spared", Integer, nullable=False, server_default="0", comment="Attempts left out of its retry schedule"),
    Column("due_at", Moment, comment="When the next try may start; null when none is to come"),
    Column("lease", String(64), comment="The worker that has it in hand"),
    Column("lease_until", Moment),
    Column("replay_of", Id, comment="The dispatch that this one repeats"),
    Column("delivery_id", Id, comment="The id that receivers are told; null: the row's own"),
    Column("lane", Id, comment="Whose events this destination takes in order: a visitor; null: it takes any order"),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    CheckConstraint("mode IN ('live', 'test')", name="mode"),
    CheckConstraint(one_of("state", *_STATES), name="state"),
    CheckConstraint(f"mode <> 'test' OR NOT {_SENT}", name="test_is_never_sent"),
    CheckConstraint("mode <> 'live' OR state <> 'sunk'", name="live_is_never_sunk"),
    CheckConstraint("(state IN ('pending', 'retrying')) = (due_at IS NOT NULL)", name="due_when_waiting"),
    CheckConstraint("(state = 'sending') = (lease_until IS NOT NULL)", name="leased_when_sending"),
    Index(
        "uq_dispatches_event_id_destination_id", "event_id", "destination_id", unique=True, sqlite_where=_FIRST,
        postgresql_where=_FIRST,
    ),
    Index("uq_dispatches_replay_of", "replay_of", unique=True, sqlite_where=_REPLAYS, postgresql_where=_REPLAYS),
    Index("ix_dispatches_event_id", "event_id"),
    Index("ix_dispatches_due", "destination_id", "due_at", "id", sqlite_where=WAITING, postgresql_where=WAITING),
    Index("ix_dispatches_in_hand", "destination_id", "lease_until", sqlite_where=IN_HAND, postgresql_where=IN_HAND),
    Index("ix_dispatches_lanes", "destination_id", "lane", "id", sqlite_where=_IN_LANE, postgresql_where=_IN_LANE),
    Index(
        "ix_dispatches_trouble", "state", "destination_id", "id", "reason", "mode", sqlite_where=TROUBLE,
        postgresql_where=TROUBLE,
    ),
    Index("ix_dispatches_held", "updated_at", "id", sqlite_where=HELD, postgresql_where=HELD),
    Index("ix_dispatches_held_for", "destination_id", "reason", "id", sqlite_where=HELD, postgresql_where=HELD),
)  # fmt: skip

attempts = Table(
    "attempts",
    metadata,
    Column("dispatch_id", Id, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("started_at", Moment, nullable=False, index=True),
    Column("duration_ms", Integer, nullable=False),
    Column("outcome", String(12), nullable=False),
    Column("code", String(100)),
    Column("status", Integer, comment="HTTP status of the answer, if one came"),
    Column("plugin_version", String(40), nullable=False),
    Column("config_version", Integer, nullable=False),
    Column("exchange", LargeBinary, nullable=False, comment="Sealed: request, answer, message"),
    CheckConstraint(
        one_of("outcome", "delivered", "duplicate", "skipped", "rejected", "retry", "unknown", "sunk"), name="outcome"
    ),
)
