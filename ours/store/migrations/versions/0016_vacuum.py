"""Vacuum comes early to what waits

What was routed or sent stays in the index of what waits until vacuum has come by, and each look for what is next walks
past it. By default that is when a fifth of the table has changed; and where that is little, vacuum leaves indexes out.
"""

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None

_TABLES = 'events', 'dispatches'
_KIND = sa.text("SELECT relkind::text FROM pg_class WHERE oid = to_regclass(:name)")


def upgrade() -> None:
    _alter('SET (autovacuum_vacuum_scale_factor = 0.02, vacuum_index_cleanup = on)')


def downgrade() -> None:
    _alter('RESET (autovacuum_vacuum_scale_factor, vacuum_index_cleanup)')


def _alter(how: str) -> None:
    """A table that is divided has no such settings, and its days are small."""
    connection = op.get_bind()
    if connection.dialect.name == 'postgresql':
        for table in _TABLES:
            if connection.scalar(_KIND, {'name': table}) == 'r':
                op.execute(f'ALTER TABLE {table} {how}')
