"""The group commit: durable before it answers, one commit for many, no poison spreads, no event is taken twice."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import sqlalchemy as sa

from ours import ids
from ours.errors import Busy
from ours.store import Store
from ours.store.queries.events import NewEvent
from ours.store.queries.refusals import Refused
from ours.store.tables import events, seen
from ours.store.tables import volumes as volume_rows
from ours.store.writer import Fate, Writer


def digest(number: int) -> str:
    return f"{number:032x}"


def row(hash_: str = "", **changes: object) -> NewEvent:
    made = NewEvent(ids.new_id(), "track", "live", 1, "Purchase", digest(5), 1, 2, b"sealed", hash_, digest(7))
    return made._replace(**changes)  # type: ignore[arg-type]


@pytest.fixture
def commits() -> list[int]:
    return []


@pytest.fixture
def writer(store: Store, commits: list[int]) -> Iterator[Writer]:
    opened = Writer(store, lambda: commits.append(1))
    yield opened
    opened.close()


def stored(store: Store) -> list[str]:
    with store.read() as connection:
        return list(connection.scalars(sa.select(events.c.id).order_by(events.c.id)))


def test_what_was_answered_is_stored(store: Store, writer: Writer, commits: list[int]) -> None:
    new = row(digest(1))
    (written,) = writer.write([new], key_id=1)
    assert written.event_id == new.id
    assert not written.duplicate
    assert stored(store) == [new.id]
    assert commits == [1]


def test_a_second_event_with_the_same_hash_is_the_first_one_again(store: Store, writer: Writer) -> None:
    first, again = row(digest(1)), row(digest(1))
    other = row(digest(1), content=digest(8))
    writer.write([first], key_id=1)
    same, different = writer.write([again, other], key_id=1)
    assert (same.event_id, same.duplicate, same.differs) == (first.id, True, False)
    assert (different.event_id, different.duplicate, different.differs) == (first.id, True, True)
    assert stored(store) == [first.id]


def test_duplicates_within_one_request_are_seen(store: Store, writer: Writer) -> None:
    rows = [row(digest(1)), row(digest(1)), row(digest(2))]
    assert [item.duplicate for item in writer.write(rows, key_id=1)] == [False, True, False]
    assert len(stored(store)) == 2


def test_many_racing_requests_make_one_event_of_each_hash(store: Store, writer: Writer) -> None:
    second = Writer(store, lambda: None)  # another web process, as far as the database can tell
    try:
        with ThreadPoolExecutor(16) as threads:
            answers = list(
                threads.map(lambda n: (writer, second)[n % 2].write([row(digest(n % 10))], key_id=1)[0], range(200))
            )
    finally:
        second.close()
    assert sum(not answer.duplicate for answer in answers) == 10
    assert len(stored(store)) == 10
    assert {answer.event_id for answer in answers} == set(stored(store))


def test_one_poison_row_fails_alone(store: Store, writer: Writer) -> None:
    gate = threading.Barrier(20)

    def send(number: int) -> bool:
        gate.wait()
        try:
            writer.write([row(digest(number), kind="poison" if number == 7 else "track")], key_id=1)
        except Busy:
            return False
        return True

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(send, range(20)))
    assert [number for number, good in enumerate(answers) if not good] == [7]
    assert len(stored(store)) == 19


def test_volumes_count_received_duplicate_and_rejected_by_minute(store: Store, writer: Writer) -> None:
    writer.write([row(digest(1)), row(digest(1))], key_id=1)
    writer.count(Refused(1, "live", "invalid_fields", "userId", "r1", 0, 3))
    writer.write([row(mode="test")], key_id=1)
    with store.read() as connection:
        figures = [sa.func.sum(volume_rows.c[name]) for name in ("received", "duplicate", "rejected")]
        query = sa.select(volume_rows.c.mode, *figures).group_by(volume_rows.c.mode).order_by(volume_rows.c.mode)
        assert [tuple(line) for line in connection.execute(query)] == [("live", 2, 1, 3), ("test", 1, 0, 0)]


def test_an_event_without_a_hash_is_never_a_duplicate(store: Store, writer: Writer) -> None:
    writer.write([row(), row()], key_id=1)
    assert len(stored(store)) == 2
    with store.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(seen)) == 0


def test_a_database_that_refuses_is_busy_and_nothing_is_half_stored(store: Store, writer: Writer) -> None:
    with store.write() as connection:
        connection.exec_driver_sql("DROP TABLE seen" if store.is_sqlite else "DROP TABLE seen CASCADE")
    with pytest.raises(Busy):
        writer.write([row(digest(1))], key_id=1)
    assert stored(store) == []


def test_a_database_that_does_not_answer_keeps_nobody_waiting(
    store: Store, commits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ours.store.writer._PATIENCE", 0.3)
    stands, held = threading.Event(), threading.Event()
    taken = Store.turn

    def stuck(self: Store) -> AbstractContextManager[None]:
        stands.set()
        held.wait(10)
        return taken(self)

    monkeypatch.setattr(Store, "turn", stuck)
    writer = Writer(store, lambda: commits.append(1))
    told: list[Fate] = []
    with ThreadPoolExecutor(2) as pool:
        writer.submit([row()], 1, told.append)
        assert stands.wait(5)
        first = pool.submit(writer.write, [row()], 1)
        second = pool.submit(writer.write, [row()], 1)
        writer.count(Refused(1, "live", "rate_limited", "", "r1", 0, 1))
        for waiting in (first, second):
            with pytest.raises(Busy, match="too long"):
                waiting.result(5)
    time.sleep(0.1)  # so that it looks some more times
    assert [type(fate) for fate in told] == [Busy]
    held.set()
    writer.close()
    assert [type(fate) for fate in told] == [Busy, list]
    with store.read() as connection:
        assert connection.scalar(sa.select(sa.func.sum(volume_rows.c.rejected))) == 1
    assert len(stored(store)) == 1  # the first is stored in the end, the second was never tried


_NO_MEMORY = """
import time
from unittest.mock import Mock
from ours import ids, log
from ours.settings import load
from ours.store import Store, writer
log.configure("INFO", "json")
store = Store(load())
store.write = Mock(side_effect=MemoryError)
writer._logger = Mock()
writer._logger.exception.side_effect = MemoryError
row = writer.NewEvent(ids.new_id(), "track", "live", 1, "Purchase", "5", 1, 2, b"sealed", "", "7")
writer.Writer(store, Mock()).submit([row], 1, print)
time.sleep(60)
"""


def test_a_process_whose_writer_falls_does_not_live_on_to_refuse_everything(tmp_path: Path) -> None:
    """To say why a commit failed takes memory, too."""
    ended = subprocess.run(
        [sys.executable, "-c", _NO_MEMORY],
        env={"OURS_HOME": str(tmp_path)}, stderr=subprocess.PIPE, text=True, timeout=50, check=False,
    )  # fmt: skip
    assert ended.returncode == -signal.SIGKILL
    assert '"thread": "writer"' in ended.stderr
