"""Who is alone at a station: whoever holds a lock on a file in the data folder, or one that PostgreSQL keeps."""

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, literal, select

from ours import processes

_STILL, _BEAT = "120s", 20.0
"""Who holds a lock and says nothing for so long is taken for frozen: PostgreSQL ends its session, and so its lock.
Who is at work for long says something so often (seconds)."""
_SESSION = select(func.pg_backend_pid())
_TRIALS = 3


@contextmanager
def by_file(folder: Path, station: str) -> Iterator[bool]:
    with processes.lock_file(folder / f"{station}.lock") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


@contextmanager
def by_session(connection: Connection, station: str, *, for_long: bool) -> Iterator[bool]:
    """``connection`` is held for as long as the block lasts; ``for_long``: however long that is."""
    connection.execution_options(isolation_level="AUTOCOMMIT")  # for a while: no open transaction
    if not connection.scalar(select(func.pg_try_advisory_lock(_number(station)))):
        yield False
        return
    try:
        connection.execute(_idle(_STILL))
        with _awake(connection) if for_long else nullcontext():
            yield True
    finally:
        if not connection.invalidated:
            connection.execute(_idle("0").add_columns(func.pg_advisory_unlock(_number(station))))


@contextmanager
def _awake(connection: Connection) -> Iterator[None]:
    """While the block lasts, something is said on ``connection`` now and then; what befell it is raised in the end."""
    ended, failed = threading.Event(), list[Exception]()
    beat = threading.Thread(target=_say, args=(connection, ended, failed), name="awake", daemon=True)
    beat.start()
    try:
        yield
    finally:
        ended.set()
        beat.join()
        if failed:
            raise failed[0]


def _say(connection: Connection, ended: threading.Event, failed: list[Exception]) -> None:
    try:
        while not ended.wait(_BEAT):
            connection.execute(_SESSION)
    except Exception as error:  # noqa: BLE001 - it is raised where it concerns somebody
        failed.append(error)


def by_transaction(connection: Connection, station: str) -> bool:
    """Whether the lock is that of the transaction which is open on ``connection``, until it ends."""
    return bool(connection.scalar(select(func.pg_try_advisory_xact_lock(_number(station)))))


def waited_for(station: str) -> ColumnElement[Any]:
    """Takes that lock for the transaction that selects it, however long that takes."""
    return func.pg_advisory_xact_lock(_number(station))


def _number(station: str) -> ColumnElement[int]:
    """Of the lock: the database may have another installation, in another schema."""
    return func.hashtextextended(literal(f"ours/{station}/") + func.coalesce(func.current_schema(), ""), 0)


def _idle(most: str) -> Select[Any]:
    return select(func.set_config("idle_session_timeout", most, literal(value=False)))


def is_lent(connection: Connection) -> bool:
    """Whether a pooler in front lends each transaction another session, so that what one holds others hold, too.

    PostgreSQL tells whoever connects the number of the session; a pooler makes one up. Only then is it tried out:
    of two that are connected, each must keep a session of its own.
    """
    connection.execution_options(isolation_level="AUTOCOMMIT")
    driver: Any = connection.connection.dbapi_connection
    if connection.scalar(_SESSION) == driver.info.backend_pid:
        return False
    with connection.engine.connect() as other:
        other.execution_options(isolation_level="AUTOCOMMIT")
        pairs = {(connection.scalar(_SESSION), other.scalar(_SESSION)) for _ in range(_TRIALS)}
    return len(pairs) > 1 or any(mine == theirs for mine, theirs in pairs)
