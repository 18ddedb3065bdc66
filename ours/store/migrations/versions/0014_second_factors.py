"""Second factors"""

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('second_factors',
        sa.Column('person_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
        sa.Column('sealed', sa.LargeBinary(), nullable=False, comment='Sealed: the secret, its last step, hashes of codes'),
        sa.Column('set_at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('person_id', name=op.f('pk_second_factors')),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table('second_factors')
