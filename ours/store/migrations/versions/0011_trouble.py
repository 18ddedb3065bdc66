"""Trouble, with its reasons"""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None

_TROUBLE = sa.text("state IN ('retrying', 'rejected', 'exhausted', 'stopped', 'held')")
_NAME = 'ix_dispatches_trouble'


def upgrade() -> None:
    # With reason and mode in it, the index alone tells why things did not arrive: no row is looked up for it.
    _again('state', 'destination_id', 'id', 'reason', 'mode')


def downgrade() -> None:
    _again('state', 'destination_id', 'id')


def _again(*columns: str) -> None:
    op.drop_index(_NAME, table_name='dispatches', sqlite_where=_TROUBLE, postgresql_where=_TROUBLE)
    op.create_index(_NAME, 'dispatches', list(columns), unique=False, sqlite_where=_TROUBLE, postgresql_where=_TROUBLE)
