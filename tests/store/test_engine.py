"""Transactions: what waits for the disk and what does not."""

import os
import resource
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import cast

import psycopg
import pytest
from sqlalchemy import Connection, event, text

from ours.errors import Busy, OursError
from ours.store import Store


@pytest.fixture
def flushes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One for each time that SQLite's log was flushed."""
    made: list[int] = []

    def flush(handle: int) -> None:
        made.append(1)
        os.fsync(handle)

    monkeypatch.setattr("ours.store.wal._sync", flush)
    return made


def _waits(connection: Connection) -> bool:
    return bool(connection.scalar(text("SHOW synchronous_commit")) == "on")


def test_only_what_says_so_does_not_wait_for_the_disk(store: Store, flushes: list[int]) -> None:
    waits = []
    for durable in (True, False, True):
        flushes.clear()
        with store.write(durable=durable) as connection:
            connection.execute(text("DELETE FROM events"))
            there = not store.is_sqlite and _waits(connection)
        waits.append(bool(flushes) if store.is_sqlite else there)
    assert waits == [True, False, True]


def test_a_connection_that_did_not_wait_waits_again_whatever_happened(store: Store, flushes: list[int]) -> None:
    with pytest.raises(OursError):
        _fail(store)
    assert store.engine.pool.checkedin() == 1  # type: ignore[attr-defined]
    with store.write() as connection:
        assert store.is_sqlite or _waits(connection)
    assert bool(flushes) == store.is_sqlite


def _fail(store: Store) -> None:
    with store.write(durable=False) as connection:
        connection.execute(text("DELETE FROM events"))
        raise OursError


@pytest.mark.parametrize("engine_kind", ["postgresql"])
@pytest.mark.parametrize(("doing", "done"), [("read", "read"), ("write", "written")])
@pytest.mark.parametrize("limit", ["idle_in_transaction_session_timeout", "transaction_timeout"])
def test_a_session_that_the_server_ended_for_its_time_is_a_database_that_is_away(
    store: Store, doing: str, done: str, limit: str
) -> None:
    asks = getattr(store, doing)

    def pause() -> None:
        with asks() as connection:
            connection.execute(text(f"SET {limit} = 1"))
            for _ in range(500):
                time.sleep(0.02)
                connection.execute(text("SELECT 1"))

    with pytest.raises(Busy, match=f"can't be {done} just now"):
        pause()
    with asks() as connection:
        assert connection.scalar(text("SELECT 1")) == 1


@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_a_session_that_is_ended_while_it_begins_is_no_wrong_address(store: Store) -> None:
    store.engine.dispose()
    slow = "SET transaction_timeout = 1; SELECT pg_sleep(5)"
    event.listen(store.engine, "connect", lambda connection, _: connection.execute(slow))
    with pytest.raises(Busy, match="transaction timeout"):
        store.reach()


@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_a_session_that_is_lost_in_the_midst_is_told_once_and_in_our_words(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    def lose_it() -> None:
        with store.write() as connection:
            driver = cast("psycopg.Connection", connection.connection.dbapi_connection)
            with driver.pipeline():
                driver.execute("SELECT pg_terminate_backend(pg_backend_pid())")
                driver.execute("SELECT pg_sleep(5)").fetchall()

    with pytest.raises(Busy, match="can't be written just now"):
        lose_it()
    assert [record.getMessage() for record in caplog.records] == []


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_a_process_that_has_no_file_left_says_so(store: Store) -> None:
    given = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as taken:
        taken.callback(resource.setrlimit, resource.RLIMIT_NOFILE, given)
        assert store.engine
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, given[1]))
        with suppress(OSError):
            while True:
                taken.enter_context(Path(os.devnull).open())
        with pytest.raises(Busy, match="as many files open as it may"), store.read():
            pass
