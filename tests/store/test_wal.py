"""SQLite's log is flushed by us: before anybody is told that something is stored, and while others write."""

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from ours.errors import Busy, SettingsInvalid
from ours.store import Store, connecting, reaching
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
        monkeypatch.setattr("ours.store.wal._sync", other)

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


def once(real: Flush = os.fsync) -> Flush:
    """The first flush fails, as when the disk does; the others do what they are asked."""
    failed: list[int] = []

    def flush(handle: int) -> None:
        if not failed:
            failed.append(1)
            raise OSError(errno.EIO, "Input/output error")
        real(handle)

    return flush


def length(database: Path) -> tuple[int, int]:
    """How many pages the log has of its present beginning, and how large each of them is in it."""
    log = Path(f"{database}-wal").read_bytes()
    size = 24 + int.from_bytes(log[8:12])
    frames = [log[at + 8 : at + 16] == log[16:24] for at in range(32, len(log), size)]
    return (frames.index(False) if False in frames else len(frames)), size


def after_the_power_failed(database: Path, folder: Path, taken: int) -> Path:
    """The database as it is on disk: of its log, only the first ``taken`` pages were ever written there."""
    folder.mkdir()
    shutil.copy(database, folder)
    there, size = length(database) if Path(f"{database}-wal").stat().st_size else (0, 0)
    log = bytearray(Path(f"{database}-wal").read_bytes())
    for at in range(taken, there):
        log[32 + at * size : 32 + (at + 1) * size] = bytes(size)
    (folder / f"{database.name}-wal").write_bytes(log)
    return folder / database.name


def test_what_could_not_be_flushed_is_on_disk_all_the_same_when_it_is_called_stored(
    store: Store, database: Path, tmp_path: Path, flush: Callable[[Flush], None]
) -> None:
    """The beginning of the log is on disk, and may not be read again over what was moved after it."""
    for number in range(50):
        keep(store, f"a{number:03}")
    taken, _ = length(database)
    sizes: list[int] = []
    flush(once(lambda handle: sizes.append(os.fstat(handle).st_size)))
    with store.write() as connection:
        connection.execute(sa.delete(keepsakes).where(keepsakes.c.name < "a040"))
        connection.execute(sa.insert(keepsakes), [{"name": f"b{one}", "sealed": b"1" * 300} for one in range(50)])
    assert sizes == [0], "that the log is empty is on disk, too"
    left = after_the_power_failed(database, tmp_path / "left", taken)
    assert names(left) == names(database)
    with closing(sqlite3.connect(left)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_as_long_as_it_can_not_be_moved_nothing_is_called_stored(
    store: Store, database: Path, tmp_path: Path, flush: Callable[[Flush], None]
) -> None:
    """A second flush would succeed, without what the first one lost: nobody may rely on it."""
    keep(store, "first")
    taken, _ = length(database)
    with closing(sqlite3.connect(database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM keepsakes").fetchall()
        flush(once())
        for name in ("second", "third"):
            with pytest.raises(Busy, match="did not take what was written"):
                keep(store, name)
    keep(store, "fourth")
    left = after_the_power_failed(database, tmp_path / "left", taken)
    assert names(left) == names(database) == ["first", "fourth", "second", "third"]
    flushed: list[int] = []
    flush(flushed.append)
    keep(store, "fifth")
    assert len(flushed) == 1


def test_who_does_not_wait_goes_on_while_the_disk_is_flushed_and_can_wait_later(
    store: Store, flush: Callable[[Flush], None]
) -> None:
    go_on, ended = threading.Event(), list[int]()

    def slow(_handle: int) -> None:
        assert go_on.wait(10)
        ended.append(1)

    flush(slow)
    with store.write(wait=False) as connection:
        connection.execute(sa.insert(keepsakes).values(name="first", sealed=b"1"))
    assert not ended
    go_on.set()
    store.flushed()
    assert ended == [1]
    store.flushed()
    assert ended == [1], "nothing was written since"


def test_what_was_not_waited_for_is_not_called_stored_for_as_long_as_it_is_not(
    store: Store, database: Path, flush: Callable[[Flush], None]
) -> None:
    keep(store, "first")
    with closing(sqlite3.connect(database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM keepsakes").fetchall()
        flush(once())
        with store.write(wait=False) as connection:
            connection.execute(sa.insert(keepsakes).values(name="second", sealed=b"1"))
        for _ in range(2):
            with pytest.raises(Busy, match="did not take what was written"):
                store.flushed()
    store.flushed()
    assert not Path(f"{database}-wal").stat().st_size, "all was moved into the database"


def test_a_failure_that_one_thread_is_told_of_is_everybodys(
    store: Store, database: Path, flush: Callable[[Flush], None]
) -> None:
    """The system tells it once: the other thread's flush would succeed."""
    begun, go_on, calls = threading.Event(), threading.Event(), list[int]()

    def told_once(handle: int) -> None:
        calls.append(1)
        if len(calls) == 1:
            begun.set()
            assert go_on.wait(10)
            raise OSError(errno.EIO, "Input/output error")
        assert not Path(f"{database}-wal").stat().st_size  # all was moved before anybody is told that it is stored
        os.fsync(handle)

    flush(told_once)
    one, other = (threading.Thread(target=keep, args=(store, name)) for name in ("one", "other"))
    one.start()
    assert begun.wait(10)
    other.start()
    while len(names(database)) < 2:
        other.join(0.01)
    go_on.set()
    one.join(10)
    other.join(10)
    assert not one.is_alive()
    assert not other.is_alive()
    assert len(calls) >= 2


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


def test_while_it_is_flushed_a_connection_is_open_and_sqlite_does_all_its_other_flushes(
    store: Store, flush: Callable[[Flush], None]
) -> None:
    """Or the log would be removed when the last connection goes, and begun anew without being flushed."""
    out: list[int] = []
    flush(lambda _: out.append(store.engine.pool.checkedout()))  # type: ignore[attr-defined]
    with store.write() as connection:
        assert connection.scalar(sa.text("PRAGMA synchronous")) == 1
    assert out == [1]


def test_where_sqlite_can_keep_no_log_ours_does_not_start(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some network file systems have no shared memory; without a log, a flush of it would be worth nothing."""
    setup = connecting._on_connect

    def elsewhere(_: sqlite3.Connection, record: object) -> None:
        with closing(sqlite3.connect(f"file:{tmp_path}/x.db?vfs=unix-none", uri=True)) as connection:
            setup(connection, record)

    monkeypatch.setattr(connecting, "_on_connect", elsewhere)
    with pytest.raises(SettingsInvalid, match="put it on a local disk"):
        store.reach()


def fill(store: Store, pages: int, name: str = "big") -> None:
    """Write so many pages to the log, at least."""
    keep(store, name)
    with store.write() as connection:
        large = sa.update(keepsakes).where(keepsakes.c.name == name).values(sealed=b"1" * 4096 * pages)
        connection.execute(large)


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
    store.tend()
    turns.clear()
    store.tend()
    assert not turns


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
        assert len(turns) == 1  # for a moment, to see whether there is something to be moved
    keep(store, "after")
    store.tend()
    assert database.stat().st_size > 1_500 * 4_096


def test_before_anybody_connected_there_is_nothing_to_tend(store: Store, database: Path) -> None:
    assert not Path(f"{database}-wal").exists()
    store.tend()
    assert not Path(f"{database}-wal").exists()


def test_who_empties_it_waits_for_who_tends_it(store: Store, database: Path) -> None:
    fill(store, 100)
    held, done = threading.Event(), threading.Event()

    def tend() -> None:
        """As a move that is under way: it holds a lock of its own, which SQLite waits for in no way."""
        code = "import fcntl, sys; f = open(sys.argv[1], 'r+b'); fcntl.lockf(f, 2, 1, 121); print(); sys.stdin.read()"
        with subprocess.Popen(
            [sys.executable, "-c", code, f"{database}-shm"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as other:
            assert other.stdout
            other.stdout.readline()
            held.set()
            assert done.wait(10)

    thread = threading.Thread(target=tend)
    thread.start()
    assert held.wait(10)
    timer = threading.Timer(0.2, done.set)
    timer.start()
    assert store.scrub()
    thread.join(10)
    timer.join()


def is_locked(database: Path) -> bool:
    """Whether another process meets the lock that SQLite has on a database for as long as somebody is connected."""
    code = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)"
    return bool(
        subprocess.run([sys.executable, "-c", code, database], stderr=subprocess.DEVNULL, check=False).returncode
    )


def test_a_database_that_is_there_is_never_opened_beside_sqlite(store: Store, database: Path) -> None:
    """To close such a file would end all locks that SQLite has on it in this process."""
    assert not is_locked(database)
    fill(store, 1_500)
    assert is_locked(database)
    assert reaching.problem_of(database) is None
    assert is_locked(database)
    store.tend()
    assert database.stat().st_size > 1_500 * 4_096
    assert is_locked(database)


@pytest.mark.parametrize("first", [1, 2])
def test_while_it_is_moved_outside_of_the_turn_nobody_begins_the_log_anew(
    store: Store, database: Path, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    """Somebody writes while it is moved the ``first`` time and from then on.

    SQLite before 3.51.3 would lose what he writes, and the database with it: https://sqlite.org/wal.html#walresetbug
    """
    in_turn, turn, moves = threading.Event(), Turnstile.turn, list[bytes]()

    @contextmanager
    def noted(turnstile: Turnstile) -> Iterator[None]:
        with turn(turnstile):
            in_turn.set()
            yield
            in_turn.clear()

    def salt() -> bytes:
        return Path(f"{database}-wal").read_bytes()[16:24]

    class Watched(sqlite3.Connection):
        def execute(self, statement: str, *rest: object) -> sqlite3.Cursor:
            if "PASSIVE" in statement and not in_turn.is_set():
                moves.append(salt())
                if len(moves) >= first:
                    keep(store, f"beside {len(moves)}")
                assert salt() == moves[-1]
            return super().execute(statement, *rest)  # type: ignore[arg-type]

    connect = sqlite3.connect
    monkeypatch.setattr(Turnstile, "turn", noted)
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **options: connect(*args, **options, factory=Watched))
    fill(store, 1_500)
    store.tend()
    assert moves
    fill(store, 1_500, "big again")
    assert salt() not in moves, "between two moves it begins anew"
    store.tend()
    monkeypatch.undo()
    beside = [name for name in names(database) if name.startswith("beside")]
    assert beside == [f"beside {number}" for number in range(first, len(moves) + 1)]


def test_a_log_that_the_database_did_not_take_is_left_as_it_is(
    store: Store, database: Path, tmp_path: Path, flush: Callable[[Flush], None]
) -> None:
    """SQLite takes its pages for moved, the disk has forgotten them: only the log has them."""
    fill(store, 1_500)
    before = tmp_path / "before"
    shutil.copy(database, before)
    failed: list[int] = []

    def flush_log_only(handle: int) -> None:
        if os.path.samestat(os.fstat(handle), database.stat()):
            failed.append(1)
            raise OSError(errno.EIO, "Input/output error")
        os.fsync(handle)

    flush(flush_log_only)
    with closing(sqlite3.connect(database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT 1 FROM keepsakes").fetchone()
        keep(store, "after")
        with pytest.raises(Busy, match="may have to be replaced"):
            store.tend()
    fill(store, 1_500, "big again")
    store.tend()
    keep(store, "last")
    assert len(failed) == 1
    shutil.copy(f"{database}-wal", f"{before}-wal")
    assert names(before) == names(database)
    with closing(sqlite3.connect(before)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_whoever_tends_or_writes_after_the_log_was_removed_goes_on(store: Store, database: Path) -> None:
    keep(store, "first")
    store.tend()
    store.engine.dispose()
    assert not Path(f"{database}-wal").exists()
    store.tend()
    keep(store, "second")
    fill(store, 1_500)
    store.tend()
    assert database.stat().st_size > 1_500 * 4_096
    assert names(database) == ["big", "first", "second"]
