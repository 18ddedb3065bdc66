"""The migrations arrive at the tables, and walk down and up again."""

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from ours.store import Store, migrate
from ours.store.tables import metadata


def test_the_migrations_arrive_at_exactly_the_tables(store: Store) -> None:
    with store.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert migrate.is_current(store)


def test_every_migration_walks_down_and_up_again(store: Store) -> None:
    migrate.downgrade(store, "base")
    assert set(sa.inspect(store.engine).get_table_names()) <= {"alembic_version"}
    migrate.upgrade(store)
    assert migrate.is_current(store)
