"""Batches"""

import sqlalchemy as sa
from alembic import op

from ours.store.tables.types import Id

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

_IN_LANE = sa.text("lane IS NOT NULL AND state IN ('pending', 'sending', 'retrying', 'held')")


def upgrade() -> None:
    op.add_column('dispatches', sa.Column('spared', sa.Integer(), server_default='0', nullable=False, comment='Attempts left out of its retry schedule'))
    op.add_column('dispatches', sa.Column('lane', Id(), nullable=True, comment='Whose events this destination takes in order: a visitor; null: it takes any order'))
    op.create_index('ix_dispatches_lanes', 'dispatches', ['destination_id', 'lane', 'id'], unique=False, sqlite_where=_IN_LANE, postgresql_where=_IN_LANE)
    op.add_column('destinations', sa.Column('rests_until', sa.BigInteger(), nullable=True, comment='It asked to be left alone until then'))


def downgrade() -> None:
    op.drop_column('destinations', 'rests_until')
    op.drop_index('ix_dispatches_lanes', 'dispatches')
    op.drop_column('dispatches', 'lane')
    op.drop_column('dispatches', 'spared')
