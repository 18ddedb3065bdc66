"""Alerts and checks"""

import sqlalchemy as sa
from alembic import op

from ours.store.tables.types import Number

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

_OPEN = sa.text('closed_at IS NULL')
_DUE = sa.text('due_at IS NOT NULL')


def upgrade() -> None:
    op.create_table('alerts',
    sa.Column('id', Number, nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('subject', sa.String(length=100), nullable=False, comment='destination 3, plugin crm, or empty; never personal data'),
    sa.Column('words', sa.Text(), nullable=False),
    sa.Column('opened_at', sa.BigInteger(), nullable=False),
    sa.Column('well_at', sa.BigInteger(), nullable=True, comment='Since when it is well again; not closed at once, lest it flutters'),
    sa.Column('closed_at', sa.BigInteger(), nullable=True),
    sa.Column('told_at', sa.BigInteger(), nullable=True, comment='When it was told last'),
    sa.Column('due_at', sa.BigInteger(), nullable=True, comment='When it is to be told (again); null: all is told'),
    sa.Column('problem', sa.Text(), nullable=True, comment='Why it could not be told by some channel the last time'),
    sa.CheckConstraint('closed_at IS NULL OR well_at IS NOT NULL', name=op.f('ck_alerts_well_when_closed')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_alerts')),
    sqlite_autoincrement=True
    )
    op.create_index('uq_alerts_open', 'alerts', ['kind', 'subject'], unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_index('ix_alerts_due', 'alerts', ['due_at'], unique=False, sqlite_where=_DUE, postgresql_where=_DUE)
    op.create_table('checks',
    sa.Column('name', sa.String(length=10), nullable=False, comment='balance, or events'),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('result', sa.Text(), nullable=False, comment='JSON'),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_checks')),
    sqlite_with_rowid=False
    )


def downgrade() -> None:
    op.drop_table('checks')
    op.drop_index('ix_alerts_due', 'alerts')
    op.drop_index('uq_alerts_open', 'alerts')
    op.drop_table('alerts')
