"""Words without IN, and indexes that know what else is asked for

For an IN of more than two words, SQLite makes a little table for each row that is written; for OR it makes none.
"""

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None

_CHECKS = {
    'dispatches': ("state IN ('pending', 'sending', 'retrying', 'delivered', 'rejected', 'exhausted', 'stopped', 'held', 'sunk')",
                   "state NOT IN ('delivered', 'retrying', 'exhausted')"),
    'attempts': ("outcome IN ('delivered', 'duplicate', 'skipped', 'rejected', 'retry', 'unknown', 'sunk')",),
}
_OPEN = "state IN ('pending', 'sending', 'retrying', 'held')"
_TROUBLE = "state IN ('retrying', 'rejected', 'exhausted', 'stopped', 'held')"
_UNROUTED = 'routed_at IS NULL'
_SHOWN = "kind = 'track'"
_BY_NAME = ['name_key', 'occurred_at', 'id']
_BY_SOURCE = ['source_id', 'occurred_at', 'id']
_LANES = ['destination_id', 'lane', 'id']
_TOLD = ['state', 'destination_id', 'id', 'reason', 'mode']

_REWORD = sa.text("UPDATE sqlite_schema SET sql = replace(sql, :old, :new) WHERE type = 'table' AND name = :table")


def upgrade() -> None:
    # With the notes in it, what was set aside is never read on the way to what waits.
    _again('events', 'ix_events_unrouted', ['notes', 'id'], _UNROUTED)
    # Lists that are asked for more at once walk the index, and look up only the rows that fit.
    _again('events', 'ix_events_name_key', [*_BY_NAME, 'source_id', 'mode'], _SHOWN)
    _again('events', 'ix_events_source_id', [*_BY_SOURCE, 'mode'], _SHOWN)
    _again('dispatches', 'ix_dispatches_trouble', _TOLD, f'{_spelled(_TROUBLE)} IS TRUE')
    _again('dispatches', 'ix_dispatches_lanes', _LANES, f'lane IS NOT NULL AND {_spelled(_OPEN)}')
    for table, checks in _CHECKS.items():
        _reword(table, {check: _spelled(check) for check in checks})


def downgrade() -> None:
    for table, checks in _CHECKS.items():
        _reword(table, {_spelled(check): check for check in checks})
    _again('dispatches', 'ix_dispatches_lanes', _LANES, f'lane IS NOT NULL AND {_OPEN}')
    _again('dispatches', 'ix_dispatches_trouble', _TOLD, _TROUBLE)
    _again('events', 'ix_events_source_id', _BY_SOURCE, _SHOWN)
    _again('events', 'ix_events_name_key', _BY_NAME, _SHOWN)
    _again('events', 'ix_events_unrouted', ['id'], _UNROUTED)


def _spelled(check: str) -> str:
    """With OR."""
    column, _, words = check.replace(' NOT', '').partition(' IN ')
    either = ' OR '.join(f'{column} = {word}' for word in words.strip('()').split(', '))
    return f'NOT ({either})' if ' NOT ' in check else f'({either})'


def _again(table: str, name: str, columns: list[str], where: str) -> None:
    op.drop_index(name, table_name=table)
    op.create_index(name, table, columns, unique=False, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _reword(table: str, checks: dict[str, str]) -> None:
    """Say the same in other words; PostgreSQL is as quick with either, and keeps its own.

    No row is touched: SQLite's manual names this way for constraints (lang_altertable.html, section 7). Where a build of
    it forbids that, the words stay as they are.
    """
    connection = op.get_bind()
    if connection.dialect.name != 'sqlite':
        return
    connection.execute(sa.text('PRAGMA writable_schema = ON'))
    if not connection.scalar(sa.text('PRAGMA writable_schema')):
        return
    for old, new in checks.items():
        connection.execute(_REWORD, {'table': table, 'old': old, 'new': new})
    version = connection.scalar(sa.text('PRAGMA schema_version'))
    connection.execute(sa.text(f'PRAGMA schema_version = {version + 1}'))
    connection.execute(sa.text('PRAGMA writable_schema = RESET'))
