"""SQLite's log is flushed by us: before anybody is told that something is stored, and while others write."""

import errno
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from ours.errors import Busy
from ours.store import Store, engine
from ours.store.tables import keepsakes
from ours.store.turnstile import Turnstile

Flush = Callable[[int], None]


@pytest.fixture
def engine_kind() -> str:
    return "sqlite"


@pytest.fixture
def database(store: Store) -> Path:
    return Path(store.url.removeprefix("sqlite:///"))


def keep(store: Store, name: str) -> None:
    with store.write() as connection:
        connection.execute(sa.insert(keepsakes).values(name=name, sealed=b"1"))


def names(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM keepsakes ORDER BY name")]


@pytest.fixture
def flush(monkeypatch: pytest.MonkeyPatch) -> Callable[[Flush], None]:
    """Have another function called where the system is asked to flush."""

    def instead(other: Flush) -> None:
        monkeypatch.setattr("ours.store.wal.os.fdatasync", other)

    return instead


def test_what_a_power_failure_leaves_has_all_that_was_called_stored(
    store: Store, database: Path, tmp_path: Path, flush: Callable[[Flush], None]
) -> None:
    """What is on disk is what was flushed: a copy made at that moment stands for it."""
    left = tmp_path / "left"

    def copied(handle: int) -> None:
        assert os.path.samestat(os.fstat(handle), Path(f"{database}-wal").stat())
        shutil.rmtree(left, ignore_errors=True)
        left.mkdir()
        shutil.copy(database, left)
        shutil.copy(f"{database}-wal", left)

    flush(copied)
    keep(store, "first")
    assert names(left / database.name) == ["first"]
    with store.whole():
        keep(store, "second")
        keep(store, "third")
    assert names(left / database.name) == ["first", "second", "third"]
    with store.write(durable=False) as connection:
        connection.execute(sa.delete(keepsakes))
    assert names(left / database.name) == ["first", "second", "third"]
    assert names(database) == []


def test_others_read_and_write_while_the_disk_is_waited_for(store: Store, flush: Callable[[Flush], None]) -> None:
    begun, ended = threading.Event(), threading.Event()

    def slow(_: int) -> None:
        begun.set()
        assert ended.wait(10)

    flush(slow)
    announced: list[list[str]] = []

    def announce() -> None:
        with store.read() as connection:
            announced.append(list(connection.scalars(sa.select(keepsakes.c.name))))

    def write() -> None:
        with store.write(announce=announce) as connection:
            connection.execute(sa.insert(keepsakes).values(name="first", sealed=b"1"))

    first = threading.Thread(target=write)
    first.start()
    assert begun.wait(10)
    assert announced == [["first"]]
    with store.write(durable=False) as connection:
        connection.execute(sa.insert(keepsakes).values(name="second", sealed=b"1"))
    assert first.is_alive()
    ended.set()
    first.join(10)
    assert not first.is_alive()


def test_nobody_is_announced_what_was_rolled_back(store: Store) -> None:
    announced: list[int] = []
    with pytest.raises(LookupError), store.write(announce=lambda: announced.append(1)):
        raise LookupError
    assert not announced


def fail(_: int) -> None:
    raise OSError(errno.EIO, "Input/output error")


def test_what_could_not_be_flushed_is_moved_into_the_database(
    store: Store, database: Path, flush: Callable[[Flush], None]
) -> None:
    flush(fail)
    keep(store, "first")
    os.truncate(f"{database}-wal", 0)  # nothing of the log is needed any more
    assert "first" in names(database)


def test_as_long_as_it_can_not_be_moved_nothing_is_called_stored(
    store: Store, database: Path, flush: Callable[[Flush], None]
) -> None:
    """A second flush would succeed, without what the first one lost: nobody may rely on it."""
    with closing(sqlite3.connect(database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM keepsakes").fetchall()
        keep(store, "first")
        flush(fail)
        with pytest.raises(Busy, match="did not take what was written"):
            keep(store, "second")
        flush(os.fsync)
        with pytest.raises(Busy, match="did not take what was written"):
            keep(store, "third")
    keep(store, "fourth")
    assert names(database) == ["first", "fourth", "second", "third"]
    flushed: list[int] = []
    flush(flushed.append)
    keep(store, "fifth")
    assert len(flushed) == 1


def test_a_log_that_was_removed_and_made_anew_is_the_one_that_is_flushed(
    store: Store, database: Path, flush: Callable[[Flush], None]
) -> None:
    keep(store, "first")
    store.engine.dispose()
    assert not Path(f"{database}-wal").exists()
    flushed: list[int] = []

    def note(handle: int) -> None:
        flushed.append(os.fstat(handle).st_ino)

    flush(note)
    keep(store, "second")
    assert flushed == [Path(f"{database}-wal").stat().st_ino]


def test_where_sqlite_can_keep_no_log_it_says_so(tmp_path: Path) -> None:
    """Some network file systems have no shared memory; without a log, a flush of it would be worth nothing."""
    connection = sqlite3.connect(f"file:{tmp_path}/x.db?vfs=unix-none", uri=True)
    with closing(connection), pytest.raises(sqlite3.OperationalError, match="on a local disk"):
        engine._on_connect(connection, None)


def fill(store: Store, pages: int) -> None:
    """Write so many pages to the log, at least."""
    keep(store, "big")
    with store.write() as connection:
        connection.execute(sa.update(keepsakes).values(sealed=b"1" * 4096 * pages))


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    taken: list[int] = []
    turn = Turnstile.turn

    def noted(turnstile: Turnstile) -> AbstractContextManager[None]:
        taken.append(1)
        return turn(turnstile)

    monkeypatch.setattr(Turnstile, "turn", noted)
    return taken


def test_a_writer_leaves_the_log_as_long_as_it_is_and_who_tends_it_moves_it(store: Store, database: Path) -> None:
    before = database.stat().st_size
    fill(store, 1_500)
    log = Path(f"{database}-wal").stat().st_size
    assert log > 1_500 * 4_096
    assert database.stat().st_size == before
    store.tend()
    assert database.stat().st_size > 1_500 * 4_096
    keep(store, "after")
    assert Path(f"{database}-wal").stat().st_size == log  # it began anew; the file stays as large as it was
    moved = database.read_bytes()
    store.tend()
    assert database.read_bytes() == moved


def test_a_short_log_is_left_alone(store: Store, database: Path, turns: list[int]) -> None:
    keep(store, "first")
    turns.clear()
    store.tend()
    assert not turns
    assert "first" in names(database)


def test_a_log_that_nobody_wrote_to_is_looked_at_once(store: Store, turns: list[int]) -> None:
    fill(store, 1_500)
    turns.clear()
    store.tend()
    store.tend()
    assert len(turns) == 1


def test_who_tends_waits_neither_for_a_reader_nor_has_writers_wait_for_one(
    store: Store, database: Path, turns: list[int]
) -> None:
    before = database.stat().st_size
    with closing(sqlite3.connect(database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT 1 FROM keepsakes").fetchall()
        fill(store, 1_500)
        turns.clear()
        store.tend()
        assert database.stat().st_size == before
        assert not turns
    keep(store, "after")
    store.tend()
    assert database.stat().st_size > 1_500 * 4_096


def test_before_anybody_connected_there_is_nothing_to_tend(store: Store, database: Path) -> None:
    assert not Path(f"{database}-wal").exists()
    store.tend()
    assert not Path(f"{database}-wal").exists()
