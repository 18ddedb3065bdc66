"""What was taken of a visitor's events is counted while they are forgotten

So the link to the visitor can be cut at once, and what is left of it goes on where it stopped.
"""

import sqlalchemy as sa
from alembic import op

revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('forgotten', sa.Column('taken', sa.Text(), nullable=True, comment='JSON: what was taken of their events so far; null: not begun, or done'))


def downgrade() -> None:
    op.drop_column('forgotten', 'taken')
