"""The migrations arrive at the tables, and walk down and up again; and code of the version before goes on meanwhile."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from ours import clock
from ours.store import Store, divide, migrate
from ours.store.queries import whole
from ours.store.tables import metadata
from tests.conftest import ENGINES

Shape = dict[str, dict[str, bool]]


def test_the_migrations_arrive_at_exactly_the_tables(store: Store) -> None:
    with store.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert migrate.is_current(store)


def test_every_migration_walks_down_and_up_again(store: Store) -> None:
    migrate.downgrade(store, "base")
    assert set(sa.inspect(store.engine).get_table_names()) <= {"alembic_version"}
    migrate.upgrade(store)
    assert migrate.is_current(store)


def test_what_sqlite_sorts_for_an_index_it_sorts_on_disk(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """In memory it takes some 200 bytes a row."""
    if not store.is_sqlite:
        pytest.skip("PostgreSQL does by itself")
    asked = sa.text("PRAGMA temp_store")
    seen: list[int] = []
    monkeypatch.setattr(
        "alembic.command.upgrade", lambda config, _: seen.append(config.attributes["connection"].scalar(asked))
    )
    migrate.upgrade(store)
    with store.read() as connection:
        seen.append(int(connection.scalar(asked) or 0))
    assert seen == [1, 2]


def test_vacuum_comes_early_to_what_waits_and_leaves_no_index_out(store: Store) -> None:
    """Else each look for what is next walks past all that was routed or sent since."""
    if store.is_sqlite:
        pytest.skip("SQLite takes what is deleted out of an index at once")
    query = sa.text("SELECT relname FROM pg_class WHERE reloptions @> :wanted ORDER BY relname")
    wanted = ["autovacuum_vacuum_scale_factor=0.02", "vacuum_index_cleanup=on"]
    with store.read() as connection:
        assert connection.scalars(query, {"wanted": wanted}).all() == ["dispatches", "events"]


def test_a_table_that_is_divided_has_no_such_settings_and_is_passed_over(store: Store) -> None:
    if store.is_sqlite:
        pytest.skip("SQLite divides none")
    migrate.downgrade(store, "0014")
    divide.divide(store, "events", clock.now_ms() + clock.DAY)
    migrate.upgrade(store)
    assert migrate.is_current(store)


def shape(store: Store) -> Shape:
    """By table, its columns, and whether a row may leave each out."""
    inspector = sa.inspect(store.engine)
    return {
        table: {
            column["name"]: bool(column["nullable"] or column["default"] or column.get("autoincrement") is True)
            for column in inspector.get_columns(table)
        }
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


def faults(before: Shape, after: Shape) -> list[str]:
    """What code that knows only ``before`` would stumble over."""
    gone = [f"{table}.{column}" for table, columns in before.items() for column in columns
            if column not in after.get(table, {})]  # fmt: skip
    demanded = [f"{table}.{column}" for table in before for column, free in after.get(table, {}).items()
                if column not in before[table] and not free]  # fmt: skip
    return [f"{name} is gone" for name in gone] + [f"{name} is demanded" for name in demanded]


def test_each_migration_lets_the_version_before_go_on(store: Store) -> None:
    """Expand, then contract: only a migration that says ``contracts`` may take away what no version in use needs."""
    folder = Path(migrate.__file__).parent / "migrations"
    scripts = list(ScriptDirectory(str(folder)).walk_revisions())[::-1]
    assert [script.revision for script in scripts] == [f"{number + 1:04}" for number in range(len(scripts))]
    migrate.downgrade(store, "base")
    for script in scripts:
        before = shape(store)
        migrate.upgrade(store, script.revision)
        assert faults(before, shape(store)) == list(getattr(script.module, "contracts", [])), script.revision


def test_a_shape_that_the_version_before_would_stumble_over_is_seen() -> None:
    before = {"events": {"id": False, "name": False}, "old": {"id": False}}
    after = {"events": {"id": False, "mode": False, "note": True}, "new": {"id": False}}
    assert faults(before, after) == ["events.name is gone", "old.id is gone", "events.mode is demanded"]


def test_what_a_row_is_held_to_says_nothing_that_is_dear_to_sqlite(store: Store) -> None:
    """For an IN of more than two words, it makes a table for each row that is written."""
    if not store.is_sqlite:
        pytest.skip("PostgreSQL is as quick with either")
    rows = {
        "dispatches": "UPDATE dispatches SET state = 'sending', due_at = NULL, lease_until = 1",
        "attempts": "UPDATE attempts SET outcome = 'delivered'",
    }
    with store.read() as connection:
        for statement in rows.values():
            steps = connection.exec_driver_sql(f"EXPLAIN {statement}").all()
            assert "OpenEphemeral" not in {step.opcode for step in steps}


USUAL: dict[str, dict[str, Any]] = {
    "dispatches": {
        "id": "a" * 32, "event_id": "b" * 32, "destination_id": 1, "mode": "test", "state": "sunk", "attempts": 1,
        "created_at": 1, "updated_at": 1,
    },
    "attempts": {
        "dispatch_id": "a" * 32, "number": 1, "started_at": 1, "duration_ms": 1, "outcome": "sunk",
        "plugin_version": "1", "config_version": 1, "exchange": b"",
    },
}  # fmt: skip


def test_rows_are_held_to_the_same_before_and_after_they_are_reworded(store: Store) -> None:
    def refused(table: str, **values: Any) -> bool:
        try:
            with store.write() as connection:
                connection.execute(sa.insert(metadata.tables[table]), USUAL[table] | values)
                connection.rollback()
        except sa.exc.IntegrityError:
            return True
        return False

    for revision in ("0011", "0012", "0011", "0012"):
        migrate.move(store, revision)
        assert not refused("dispatches")
        assert not refused("attempts")
        assert refused("dispatches", state="nonsense")
        assert refused("dispatches", state="delivered")
        assert not refused("dispatches", state="delivered", mode="live")
        assert refused("dispatches", mode="live")
        assert refused("attempts", outcome="nonsense")


def test_a_database_that_a_newer_version_migrated_serves_the_older_one(store: Store) -> None:
    with store.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(sa.text("ALTER TABLE events ADD COLUMN later TEXT"))
    assert migrate.is_current(store)
    assert migrate.is_ahead(store)


@pytest.mark.parametrize("kind", ENGINES)
def test_many_processes_that_start_at_once_migrate_once(
    kind: str, make_settings: Any, make_database_url: Callable[[str], str]
) -> None:
    stores = [Store(make_settings(database_url=make_database_url(kind)))]
    migrate.downgrade(stores[0], "base")
    stores += [Store(make_settings(database_url=stores[0].url if kind == "postgresql" else "")) for _ in range(3)]
    problems: list[BaseException] = []

    def start(store: Store) -> None:
        try:
            if not migrate.is_current(store):
                migrate.upgrade(store)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=start, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    with stores[0].read() as connection:
        assert whole.filled(connection) == []
    assert migrate.is_current(stores[0])
    for store in stores:
        store.close()
