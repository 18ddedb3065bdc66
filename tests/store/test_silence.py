"""A PostgreSQL that lives and says nothing keeps nobody waiting."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, text

from ours.errors import Busy
from ours.settings import Settings
from ours.store import Store
from ours.store.queries import snapshot
from ours.store.silence import Silence

_LONG = text("SELECT pg_sleep(0.6)")


@pytest.fixture
def impatient(make_settings: Callable[..., Settings], make_database_url: Callable[[str], str]) -> Iterator[Store]:
    store = Store(make_settings(database_url=make_database_url("postgresql")), patience=0.2)
    yield store
    store.close()


def _session(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT pg_backend_pid()")) or 0)


@contextmanager
def _frozen(session: int) -> Iterator[None]:
    """Its process is stopped: the kernel there still answers for it."""
    os.kill(session, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(session, signal.SIGCONT)


def test_who_reads_or_writes_gives_up_and_the_next_one_is_let_in(impatient: Store) -> None:
    said = r"read just now \(it said nothing for 0\.2 s\)"
    with pytest.raises(Busy, match=said), impatient.read() as connection, _frozen(_session(connection)):
        connection.execute(text("SELECT 1"))
    said = r"written just now \(it said nothing for 0\.2 s\)"
    with pytest.raises(Busy, match=said), impatient.write() as connection, _frozen(_session(connection)):
        connection.execute(text("CREATE TABLE never (id integer)"))
    with impatient.read() as connection:
        assert connection.scalar(text("SELECT to_regclass('never')")) is None


def test_one_that_rested_and_is_silent_now_is_changed_for_another(
    impatient: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ours.store.connecting._REST", 0)
    with impatient.read() as connection:
        before = _session(connection)
    with _frozen(before), impatient.read() as connection:
        assert _session(connection) != before


def test_what_lasts_as_long_as_the_data_are_large_is_waited_for(impatient: Store) -> None:
    with impatient.read() as connection:
        snapshot.unhurried(connection)
        connection.execute(_LONG)
    with pytest.raises(Busy), impatient.read() as connection:
        connection.execute(_LONG)


def test_a_statement_that_takes_too_long_keeps_nobody_else_out() -> None:
    def wait(*_: object, timeout: float) -> None:
        raise psycopg.errors._WaitTimeout(f"{timeout}")

    closed: list[None] = []
    connection: Any = SimpleNamespace(wait=wait, close=lambda: closed.append(None))
    silence = Silence(psycopg, 0.2)
    silence.bound(connection, {})
    with pytest.raises(psycopg.OperationalError, match=r"it said nothing for 0\.2 s"):
        connection.wait("SELECT pg_sleep(0.6)")
    assert closed
    silence.check()


def test_while_one_asks_whether_it_is_back_the_others_are_told_at_once() -> None:
    silence, asks, ends = Silence(psycopg, None), threading.Event(), threading.Event()

    def ask() -> None:
        with silence.asking(patience=0):
            asks.set()
            ends.wait(10)

    with pytest.raises(psycopg.OperationalError, match="nobody there"), silence.asking(patience=0):
        raise psycopg.OperationalError("nobody there")
    asker = threading.Thread(target=ask)
    asker.start()
    asks.wait(10)
    for told in (silence.check, silence.asking(patience=0).__enter__):
        with pytest.raises(psycopg.OperationalError, match="it says nothing"):
            told()
    ends.set()
    asker.join()
    silence.check()
    with silence.asking(patience=0):
        pass


def test_a_server_that_refuses_at_once_is_not_silent() -> None:
    silence = Silence(psycopg, None)
    with pytest.raises(psycopg.OperationalError), silence.asking(patience=5):
        raise psycopg.OperationalError("refused")
    silence.check()
