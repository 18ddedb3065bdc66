"""Security: tokens, who was forgotten, and an audit log that can only grow"""

import sqlalchemy as sa
from alembic import op

from ours.store.tables.types import Id, Number

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

_SAYS = "'The audit log can only grow.'"
_GUARD = {
    'sqlite': [f"CREATE TRIGGER audit_only_grows BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, {_SAYS}); END"],
    'postgresql': [
        "CREATE FUNCTION audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION {_SAYS}; END $$",
        "CREATE TRIGGER audit_only_grows BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION audit_only_grows()",
    ],
}
_UNGUARD = {
    'sqlite': ["DROP TRIGGER audit_only_grows"],
    'postgresql': ["DROP TRIGGER audit_only_grows ON audit", "DROP FUNCTION audit_only_grows()"],
}


def upgrade() -> None:
    op.create_table('tokens',
    sa.Column('id', Number, nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('hash', sa.String(length=64), nullable=False, comment='SHA-256 of the token, which is kept nowhere'),
    sa.Column('scopes', sa.Text(), nullable=False, comment='Comma-separated'),
    sa.Column('made_by', sa.String(length=320), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=False),
    sa.Column('revoked_at', sa.BigInteger(), nullable=True),
    sa.Column('last_used_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tokens')),
    sa.UniqueConstraint('hash', name=op.f('uq_tokens_hash')),
    sqlite_autoincrement=True
    )
    op.create_table('forgotten',
    sa.Column('visitor_id', Id(), nullable=False, comment='A keyed hash: it names nobody by itself'),
    sa.Column('forgotten_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('visitor_id', name=op.f('pk_forgotten')),
    sqlite_with_rowid=False
    )
    op.add_column('events', sa.Column('forgotten_at', sa.BigInteger(), nullable=True, comment='When its visitor was forgotten, and all it carried with them'))
    op.create_index('ix_audit_actor', 'audit', ['actor', 'id'], unique=False)
    op.create_index('ix_audit_subject', 'audit', ['subject', 'id'], unique=False)
    for statement in _GUARD[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    for statement in _UNGUARD[op.get_bind().dialect.name]:
        op.execute(statement)
    op.drop_index('ix_audit_subject', 'audit')
    op.drop_index('ix_audit_actor', 'audit')
    op.drop_column('events', 'forgotten_at')
    op.drop_table('forgotten')
    op.drop_table('tokens')
