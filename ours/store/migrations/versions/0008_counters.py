"""Counters"""

import sqlalchemy as sa
from alembic import op

from ours.store.tables.types import Number

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('counters',
    sa.Column('name', sa.String(length=16), nullable=False, comment='events, attempts, delays; upto: when the counting stopped'),
    sa.Column('of', Number, autoincrement=False, nullable=False, comment='The source or destination; 0: neither'),
    sa.Column('mode', sa.String(length=4), nullable=False, comment='live, test, or empty'),
    sa.Column('what', sa.String(length=16), nullable=False, comment='received, duplicate, …; an outcome; what was counted upto'),
    sa.Column('bucket', sa.Integer(), nullable=False, comment='Of a histogram: the place of its upper bound; else 0'),
    sa.Column('count', Number, nullable=False),
    sa.Column('total', Number, server_default='0', nullable=False, comment='Of the milliseconds'),
    sa.PrimaryKeyConstraint('name', 'of', 'mode', 'what', 'bucket', name=op.f('pk_counters')),
    sqlite_with_rowid=False
    )


def downgrade() -> None:
    op.drop_table('counters')
