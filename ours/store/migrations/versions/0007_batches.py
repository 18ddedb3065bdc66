"""Batches"""

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('dispatches', sa.Column('spared', sa.Integer(), server_default='0', nullable=False, comment='Attempts left out of its retry schedule'))
    op.add_column('destinations', sa.Column('rests_until', sa.BigInteger(), nullable=True, comment='It asked to be left alone until then'))


def downgrade() -> None:
    op.drop_column('destinations', 'rests_until')
    op.drop_column('dispatches', 'spared')
