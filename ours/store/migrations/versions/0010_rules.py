"""Rules"""

import sqlalchemy as sa
from alembic import op

from ours.store.tables.types import Id

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not in a batch: SQLite would copy whole tables for it. A column with its own check is SQL of both databases.
    op.add_column('destinations', sa.Column('cases', sa.Text(), server_default='[]', nullable=False, comment='JSON: conditional mappings, in the order in which they are asked'))
    op.add_column('destinations', sa.Column('sources', sa.Text(), nullable=True, comment='JSON: the sources that it listens to; null: all'))
    op.add_column('destinations', sa.Column('category', sa.String(length=20), nullable=True, comment="Null: its plugin's"))
    op.execute("ALTER TABLE destinations ADD COLUMN agreement VARCHAR(12) DEFAULT 'none' NOT NULL"
               " CONSTRAINT ck_destinations_agreement CHECK (agreement IN ('none', 'available', 'signed', 'self-hosted'))")
    op.create_table('rules',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
        sa.Column('position', sa.Integer(), nullable=False, comment='The smaller is asked first'),
        sa.Column('name', sa.String(length=80), nullable=False),
        sa.Column('note', sa.Text(), nullable=False),
        sa.Column('enabled', sa.Boolean(), nullable=False),
        sa.Column('covers', sa.Text(), nullable=False, comment='JSON: ids of destinations, names of categories, or *'),
        sa.Column('logic', sa.Text(), nullable=False, comment='JSON: when it stops'),
        sa.Column('updated_at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_rules')),
        sqlite_autoincrement=True,
    )
    op.create_table('versions',
        sa.Column('id', Id(length=32), nullable=False),
        sa.Column('subject', sa.String(length=40), nullable=False, comment='destination 3, or governance'),
        sa.Column('number', sa.Integer(), nullable=False, comment="Counts the subject's versions"),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.Column('actor', sa.String(length=320), nullable=False),
        sa.Column('verb', sa.String(length=40), nullable=False),
        sa.Column('why', sa.Text(), nullable=False),
        sa.Column('document', sa.LargeBinary(), nullable=False, comment='Sealed JSON: all that was set from then on'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_versions')),
    )
    op.create_index('uq_versions_subject_number', 'versions', ['subject', 'number'], unique=True)


def downgrade() -> None:
    op.drop_table('versions')
    op.drop_table('rules')
    for name in ('agreement', 'category', 'sources', 'cases'):
        op.drop_column('destinations', name)
