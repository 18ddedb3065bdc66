"""Scheduling"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

_LEASED = sa.text('lease_until IS NOT NULL')
_HELD = sa.text("state = 'held'")

def _columns() -> list[sa.Column[Any]]:
    return [
        sa.Column('max_in_flight', sa.Integer(), nullable=True, comment='Tries under way at once, over all workers'),
        sa.Column('rate_limit', sa.Float(), nullable=True, comment='Tries a second'),
        sa.Column('retry_schedule', sa.Text(), nullable=True, comment='JSON: the longest wait in seconds after each try'),
        sa.Column('drain_rate', sa.Float(), nullable=True, comment='Dispatches a second once it is resumed'),
        sa.Column('breaker_failures', sa.Integer(), server_default='0', nullable=False, comment='In a row'),
        sa.Column('breaker_refusals', sa.Integer(), server_default='0', nullable=False, comment='Of our credentials, in a row'),
        sa.Column('breaker_until', sa.BigInteger(), nullable=True, comment='When an open breaker may be tried'),
        sa.Column('rate_tokens', sa.Float(), nullable=True),
        sa.Column('rate_at', sa.BigInteger(), nullable=True, comment='When the tokens were counted'),
        sa.Column('drained_until', sa.BigInteger(), nullable=True, comment='Up to when the released backlog is spread'),
    ]


def upgrade() -> None:
    # Not in a batch: SQLite would copy whole tables for it. A column with its own check is SQL of both databases.
    for column in _columns():
        op.add_column('destinations', column)
    op.execute("ALTER TABLE destinations ADD COLUMN breaker VARCHAR(9) DEFAULT 'closed' NOT NULL"
               " CONSTRAINT ck_destinations_breaker CHECK (breaker IN ('closed', 'open', 'half_open'))")
    op.drop_index('ix_dispatches_lease_until', 'dispatches')
    op.create_index('ix_dispatches_in_hand', 'dispatches', ['destination_id', 'lease_until'], unique=False, sqlite_where=_LEASED, postgresql_where=_LEASED)
    op.create_index('ix_dispatches_held_for', 'dispatches', ['destination_id', 'reason', 'id'], unique=False, sqlite_where=_HELD, postgresql_where=_HELD)


def downgrade() -> None:
    op.drop_index('ix_dispatches_held_for', 'dispatches')
    op.drop_index('ix_dispatches_in_hand', 'dispatches')
    op.create_index('ix_dispatches_lease_until', 'dispatches', ['lease_until'], unique=False, sqlite_where=_LEASED, postgresql_where=_LEASED)
    op.drop_column('destinations', 'breaker')
    for column in reversed(_columns()):
        op.drop_column('destinations', column.name)
