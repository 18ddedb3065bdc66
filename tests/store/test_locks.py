"""On PostgreSQL: who holds a lock and lives no more, and who waits for one."""

import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import text

from ours.errors import Busy
from ours.settings import Settings
from ours.store import Store, divide, migrate
from ours.store.queries import counters, server, snapshot

MakeSettings = Callable[..., Settings]

pytestmark = pytest.mark.parametrize("engine_kind", ["postgresql"])
_LOCK = text("LOCK TABLE volumes IN ACCESS EXCLUSIVE MODE")


def _milliseconds(store: Store, setting: str) -> int:
    with store.read() as connection:
        query = text("SELECT setting FROM pg_settings WHERE name = :name")
        return int(connection.scalar(query, {"name": setting}) or 0)


def test_what_a_frozen_process_has_locked_is_free_within_half_a_minute(store: Store) -> None:
    """Its connection lives on, so that only the server can end its transaction."""
    frozen = _milliseconds(store, "idle_in_transaction_session_timeout")
    waiting = _milliseconds(store, "lock_timeout")
    assert 0 < waiting < frozen <= frozen + waiting < 30_000


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    words = "SET idle_in_transaction_session_timeout = 60000", "SET lock_timeout = 100"
    monkeypatch.setattr("ours.store.connecting._BOUNDED", words)


@pytest.mark.usefixtures("impatient")
def test_nobody_waits_for_a_lock_for_ever_and_it_is_said_what_is_the_matter(store: Store) -> None:
    with store.write() as holder:
        holder.execute(_LOCK)
        with pytest.raises(Busy, match="written just now: another session keeps a lock on it"), store.write() as other:
            server.be_let_in(other)
        with pytest.raises(Busy, match="read just now: another session keeps a lock"), store.read() as other:
            other.execute(text("SELECT 1 FROM volumes"))
    with store.write() as other:
        server.be_let_in(other)


def test_a_lock_in_a_database_that_was_cloned_from_ours_is_in_nobodys_way_here(
    store: Store, make_settings: MakeSettings, make_database_url: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tables have the numbers that ours have."""
    monkeypatch.setattr(server, "LONG", 0)
    clone = Store(make_settings(database_url=make_database_url("postgresql")))
    with clone.write() as holder:
        holder.execute(_LOCK)
        with store.read() as connection:
            assert server.in_the_way(connection) == []
        with clone.read() as connection:
            assert len(server.in_the_way(connection)) == 1
    clone.close()


def test_who_reads_one_moment_for_long_may_pause(store: Store) -> None:
    with store.read() as connection:
        snapshot.take(connection)
        assert connection.scalar(text("SHOW idle_in_transaction_session_timeout")) == "0"
    assert _milliseconds(store, "idle_in_transaction_session_timeout") > 0


@pytest.mark.usefixtures("impatient")
def test_who_comes_while_another_process_migrates_waits_for_it(store: Store) -> None:
    with store.write() as first:
        first.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": migrate._LOCK})
        failed: list[Exception] = []

        def upgrade() -> None:
            try:
                migrate.upgrade(store)
            except Busy as error:
                failed.append(error)

        second = threading.Thread(target=upgrade)
        second.start()
        time.sleep(0.5)
        assert second.is_alive()
    second.join()
    assert not failed


@pytest.fixture
def old_store(store: Store) -> Store:
    """One whose next migrations alter the alerts, and need them for themselves."""
    migrate.downgrade(store, "0012")
    return store


def test_a_migration_lets_nobody_wait_behind_it_while_somebody_reads_for_long(
    old_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "_BRIEFLY", "50ms")
    read = text("SELECT count(*) FROM alerts")
    with old_store.read() as reader:
        reader.execute(read)
        upgrade = threading.Thread(target=migrate.upgrade, args=(old_store,))
        upgrade.start()
        time.sleep(0.5)
        with old_store.read() as other:
            other.execute(read)
        assert upgrade.is_alive()
    upgrade.join()
    assert migrate.is_current(old_store)


def test_a_migration_gives_up_and_leaves_all_as_it_was_where_somebody_reads_on(
    old_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "_BRIEFLY", "50ms")
    monkeypatch.setattr(divide, "_TRIES", 2)
    monkeypatch.setattr(divide, "_PAUSE", 0)
    with old_store.read() as reader:
        reader.execute(text("SELECT count(*) FROM alerts"))
        with pytest.raises(Busy, match="a backup perhaps"):
            migrate.upgrade(old_store)
    assert not migrate.is_current(old_store)
    migrate.upgrade(old_store)
    assert migrate.is_current(old_store)


def test_a_migration_within_a_restore_is_tried_again_and_undoes_nothing_of_it(
    old_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "_BRIEFLY", "50ms")
    with old_store.read() as reader:
        reader.execute(text("SELECT count(*) FROM alerts"))
        threading.Timer(0.5, reader.rollback).start()
        with old_store.whole(large=True):
            with old_store.write() as connection:
                counters.note(connection, "kept", 7)
            migrate.upgrade(old_store)
    assert migrate.is_current(old_store)
    with old_store.read() as connection:
        assert counters.noted(connection, "kept") == 7
