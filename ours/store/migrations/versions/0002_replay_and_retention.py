"""Replay and retention"""

import sqlalchemy as sa
from alembic import op

from ours.store.tables.types import Id, Number

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('ledger',
    sa.Column('mode', sa.String(length=4), nullable=False),
    sa.Column('figure', sa.String(length=10), nullable=False, comment='accepted, owed, refused, replays, or a state'),
    sa.Column('count', Number, nullable=False),
    sa.CheckConstraint("mode IN ('live', 'test')", name=op.f('ck_ledger_mode')),
    sa.PrimaryKeyConstraint('mode', 'figure', name=op.f('pk_ledger')),
    sqlite_with_rowid=False
    )
    # Not in a batch: SQLite would copy the whole table for it.
    op.add_column('dispatches', sa.Column('delivery_id', Id(), nullable=True, comment="The id that receivers are told; null: the row's own"))
    op.create_index('uq_dispatches_replay_of', 'dispatches', ['replay_of'], unique=True, sqlite_where=sa.text('replay_of IS NOT NULL'), postgresql_where=sa.text('replay_of IS NOT NULL'))
    op.create_index('ix_dispatches_held', 'dispatches', ['updated_at', 'id'], unique=False, sqlite_where=sa.text("state = 'held'"), postgresql_where=sa.text("state = 'held'"))
    op.create_index('ix_events_test', 'events', ['id'], unique=False, sqlite_where=sa.text("mode = 'test'"), postgresql_where=sa.text("mode = 'test'"))
    # A row is deleted with its event, whenever that is: so it is found by the event, not by its age.
    op.drop_index(op.f('ix_seen_received_at'), 'seen')
    op.create_index(op.f('ix_seen_event_id'), 'seen', ['event_id'], unique=False)


def downgrade() -> None:
    op.drop_index(op.f('ix_seen_event_id'), 'seen')
    op.create_index(op.f('ix_seen_received_at'), 'seen', ['received_at'], unique=False)
    op.drop_index('ix_events_test', 'events')
    op.drop_index('ix_dispatches_held', 'dispatches')
    op.drop_index('uq_dispatches_replay_of', 'dispatches')
    op.drop_column('dispatches', 'delivery_id')
    op.drop_table('ledger')
