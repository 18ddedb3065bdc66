"""Why requests were refused"""

import sqlalchemy as sa
from alembic import op

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('refusals',
        sa.Column('source_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
        sa.Column('hour', sa.BigInteger(), nullable=False, comment='Start of the hour'),
        sa.Column('mode', sa.String(length=4), nullable=False),
        sa.Column('code', sa.String(length=32), nullable=False, comment='Of the answer, or of the row of a batch'),
        sa.Column('fields', sa.String(length=500), nullable=False, comment='Names of our own fields, a blank between; nothing sent'),
        sa.Column('count', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
        sa.Column('last_at', sa.BigInteger(), nullable=False),
        sa.Column('request', sa.String(length=64), nullable=False, comment='What the last of them was called'),
        sa.PrimaryKeyConstraint('source_id', 'hour', 'mode', 'code', 'fields', name=op.f('pk_refusals')),
        sqlite_with_rowid=False,
    )
    op.create_index('ix_refusals_hour', 'refusals', ['hour'], unique=False)


def downgrade() -> None:
    op.drop_table('refusals')
