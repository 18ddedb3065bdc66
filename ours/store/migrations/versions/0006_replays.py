"""Replays that can be paused"""

import sqlalchemy as sa
from alembic import op

from ours.store.tables.types import Id, Number

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

_GOING = sa.text("state IN ('running', 'paused')")


def upgrade() -> None:
    op.create_table('replays',
    sa.Column('id', Number, nullable=False),
    sa.Column('state', sa.String(length=9), nullable=False),
    sa.Column('actor', sa.String(length=320), nullable=False, comment="A person's email, or cli"),
    sa.Column('wanted', sa.Text(), nullable=False, comment='JSON: which dispatches'),
    sa.Column('most', sa.Integer(), nullable=True, comment='At most so many; null: all'),
    sa.Column('fresh_id', sa.Boolean(), nullable=False),
    sa.Column('matching', sa.Integer(), nullable=False, comment='How many matched when it began'),
    sa.Column('made', sa.Integer(), nullable=False, comment='How many were made so far'),
    sa.Column('upto', Id(), nullable=True, comment='The newest dispatch when it began; null: there was none'),
    sa.Column('place', sa.Text(), nullable=True, comment='JSON: destination, state and dispatch that it has come to'),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('updated_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("state IN ('running', 'paused', 'done', 'cancelled')", name=op.f('ck_replays_state')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_replays')),
    sqlite_autoincrement=True
    )
    op.create_index('ix_replays_going', 'replays', ['id'], unique=False, sqlite_where=_GOING, postgresql_where=_GOING)


def downgrade() -> None:
    op.drop_index('ix_replays_going', 'replays')
    op.drop_table('replays')
