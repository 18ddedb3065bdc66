"""Who is alone at a station: whoever holds a lock on a file in the data folder, or one that PostgreSQL keeps."""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, func, select

from ours import processes


@contextmanager
def by_file(folder: Path, station: str) -> Iterator[bool]:
    with processes.private(folder / f"{station}.lock") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


@contextmanager
def by_server(connection: Connection, station: str) -> Iterator[bool]:
    """``connection`` is held for as long as the block lasts."""
    number = int.from_bytes(hashlib.sha256(f"ours/{station}".encode()).digest()[:8], signed=True)
    connection.execution_options(isolation_level="AUTOCOMMIT")  # for long, perhaps: no open transaction
    mine = bool(connection.scalar(select(func.pg_try_advisory_lock(number))))
    try:
        yield mine
    finally:
        if mine:
            connection.execute(select(func.pg_advisory_unlock(number)))
