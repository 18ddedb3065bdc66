"""Who is alone at a station: whoever holds a lock on a file in the data folder, or one that PostgreSQL keeps."""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, func, literal, select

from ours import processes

_STILL = "120s"
"""Who holds a lock and does nothing for so long is taken for frozen: PostgreSQL ends its session, and so its lock."""
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
    mine = bool(connection.scalar(select(func.pg_try_advisory_lock(_number(station)))))
    try:
        if mine and not for_long:
            connection.execute(_idle(_STILL))
        yield mine
    finally:
        if mine:
            connection.execute(_idle("0").add_columns(func.pg_advisory_unlock(_number(station))))


def by_transaction(connection: Connection, station: str) -> bool:
    """Whether the lock is that of the transaction which is open on ``connection``, until it ends."""
    return bool(connection.scalar(select(func.pg_try_advisory_xact_lock(_number(station)))))


def _number(station: str) -> int:
    return int.from_bytes(hashlib.sha256(f"ours/{station}".encode()).digest()[:8], signed=True)


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
