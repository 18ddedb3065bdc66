"""Events that name two people are found without looking through all

Who is forgotten goes from an event of somebody else, too, that names them.
"""

import sqlalchemy as sa
from alembic import op

revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None

_NAMES_TWO = sa.text("(notes LIKE '%identifier_conflict:%' OR notes LIKE '%identifier_ignored:external%')")
_NAME = 'ix_events_shared'


def upgrade() -> None:
    op.create_index(
        _NAME, 'events', ['mode', 'id'], unique=False, sqlite_where=_NAMES_TWO, postgresql_where=_NAMES_TWO
    )


def downgrade() -> None:
    op.drop_index(_NAME, table_name='events')
