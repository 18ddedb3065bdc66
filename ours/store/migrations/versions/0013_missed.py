"""What each channel missed of an alert"""

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('alerts', sa.Column('missed', sa.Text(), nullable=True, comment='Names of channels, with commas: only these have yet to be told the last news'))


def downgrade() -> None:
    op.drop_column('alerts', 'missed')
