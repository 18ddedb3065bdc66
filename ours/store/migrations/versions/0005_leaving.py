"""Leaving"""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('destinations', sa.Column('leaving_since', sa.BigInteger(), nullable=True, comment='Removed as soon as what waits is delivered; since when'))


def downgrade() -> None:
    op.drop_column('destinations', 'leaving_since')
