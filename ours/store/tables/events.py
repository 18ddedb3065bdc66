"""Events as received, and what guards against taking one twice."""

from sqlalchemy import CheckConstraint, Column, Index, Integer, LargeBinary, String, Table, Text, text

from ours.store.tables.types import Id, Moment, Number, metadata

# In these words the partial indexes know their rows, and a query has to say the same: see dispatches.
UNROUTED = text("routed_at IS NULL")  # what was set aside, too, with a note why
# Who names events by their ids says it so. IS TRUE keeps PostgreSQL from the index of what waits, which it takes for
# empty, as it was when it was last looked at: it would walk through all of it, for each event anew.
STILL_UNROUTED = text("(routed_at IS NULL) IS TRUE")
SHOWN = text("kind = 'track'")
TEST = text("mode = 'test'")
NAMES_TWO = text("(notes LIKE '%identifier_conflict:%' OR notes LIKE '%identifier_ignored:external%')")

events = Table(
    "events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("mode", String(4), nullable=False),
    Column("source_id", Number, nullable=False),
    Column("name", Text, nullable=False),
    Column("name_key", String(32), nullable=False, comment="Hash of the folded name"),
    Column("occurred_at", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("payload", LargeBinary, nullable=False, comment="Sealed: all else that the caller sent"),
    # Written by the route station; what was refused may still be sent by a replay:
    Column("routed_at", Moment),
    Column("visitor_id", Id),
    Column("owed", Integer, comment="Destinations that a decision was made for"),
    Column("refused", Text, comment="Those whose allow list does not name the event, as ranges: 1-3,7"),
    Column("notes", Text, comment="What identity resolution found worth saying, as codes"),
    Column("forgotten_at", Moment, comment="When its visitor was forgotten, and all it carried with them"),
    CheckConstraint("kind IN ('track', 'identify')", name="kind"),
    CheckConstraint("mode IN ('live', 'test')", name="mode"),
    Index("ix_events_unrouted", "notes", "id", sqlite_where=UNROUTED, postgresql_where=UNROUTED),
    Index("ix_events_test", "id", sqlite_where=TEST, postgresql_where=TEST),
    Index("ix_events_occurred_at", "occurred_at", "id", sqlite_where=SHOWN, postgresql_where=SHOWN),
    Index(
        "ix_events_name_key", "name_key", "occurred_at", "id", "source_id", "mode", sqlite_where=SHOWN,
        postgresql_where=SHOWN,
    ),
    Index(
        "ix_events_source_id", "source_id", "occurred_at", "id", "mode", sqlite_where=SHOWN, postgresql_where=SHOWN
    ),
    Index("ix_events_mode", "mode", "occurred_at", "id", sqlite_where=SHOWN, postgresql_where=SHOWN),
    Index("ix_events_visitor_id", "visitor_id", "occurred_at", "id"),
    Index("ix_events_shared", "mode", "id", sqlite_where=NAMES_TWO, postgresql_where=NAMES_TWO),
)  # fmt: skip

# Both hashes are keyed (``Lookup.content``): without the key nobody tries out whom an event was about.
seen = Table(
    "seen",
    metadata,
    Column("hash", Id, primary_key=True, comment="Of mode, event name and distinctId"),
    Column("event_id", Id, nullable=False, index=True),
    Column("content", Id, nullable=False, comment="Of what was sent, to tell a repeat from a clash"),
    Column("received_at", Moment, nullable=False),
    sqlite_with_rowid=False,
)
