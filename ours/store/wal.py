"""SQLite's write-ahead log, flushed by us: SQLite would do it in the writer's turn, while all others wait for theirs.

Why that is as safe is said in ``docs/adr/0018``.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from ours.errors import Busy
from ours.store.turnstile import Turnstile

_TRIES, _WAIT = 10, 0.3
_LONG, _FEW, _ROUNDS = 1_000, 200, 8
_HEAD, _FRAME_HEAD = 32, 24
_MOVE = "PRAGMA wal_checkpoint(PASSIVE)"


class Wal:
    """The log of one database file."""

    def __init__(self, database: Path, turnstile: Turnstile) -> None:
        self._database = database
        self._file = database.with_name(f"{database.name}-wal")
        self._turnstile = turnstile
        self._opening = threading.Lock()
        self._log: IO[bytes] | None = None
        self._doubtful = False
        self._seen = 0

    def flush(self) -> None:
        """Return when all that was committed is on disk.

        For as long as this takes, a connection must be open: the last to go removes the log.

        What the system could not write it forgets: the next flush would succeed without it. So from a failure on, until
        that succeeds, the log's content is moved into the database, which is flushed.

        :raises Busy: when it can't be written.
        """
        if not self._doubtful:
            try:
                os.fdatasync(self._opened().fileno())
            except OSError:
                self._doubtful = True
        if self._doubtful:
            self._doubtful = not self._move("FULL")
        if self._doubtful:
            raise Busy("The disk did not take what was written, and somebody reads what has to be written anew.")

    def tend(self) -> None:
        """If it has become long, move its content into the database, so that the next writer begins it anew.

        Nearly all of this is done outside of the turn, and only the last little within it, for the disk may take half a
        second. Who reads for long keeps all of it where it is, until he ends.

        :raises Busy: when the disk does not take it.
        """
        if not (self._file.exists() and self._is_long()):
            return
        with self._connected() as connection:
            moved = 0
            for _ in range(_ROUNDS):
                before = moved
                _, pages, moved = connection.execute(_MOVE).fetchone()
                if moved - before < _FEW:
                    break
            if pages - moved < _FEW:
                with self._turnstile.turn():
                    connection.execute(_MOVE)

    def _is_long(self) -> bool:
        """Whether there is a page so far behind that is of the present beginning: that is what a salt says.

        Also whether anything was written since we looked last. https://sqlite.org/walformat.html
        """
        log = self._opened().fileno()
        seen, self._seen = self._seen, os.fstat(log).st_mtime_ns
        head = os.pread(log, _HEAD, 0)
        frame = os.pread(log, _FRAME_HEAD, _HEAD + _LONG * (_FRAME_HEAD + int.from_bytes(head[8:12])))
        return seen != self._seen and bool(frame) and frame[8:16] == head[16:24]

    def empty(self) -> bool:
        """Leave no trace in it of what was deleted; whether that could be done."""
        return any(self._move("TRUNCATE") for _ in range(_TRIES))

    def close(self) -> None:
        if self._log:
            self._log.close()
        self._log = None

    def _opened(self) -> IO[bytes]:
        with self._opening:
            if self._log is None or not os.fstat(self._log.fileno()).st_nlink:
                self.close()
                self._log = self._file.open("rb")
            return self._log

    def _move(self, how: str) -> bool:
        """Move its content into the database; False when a reader keeps us from it.

        :raises Busy: when the disk does.
        """
        with self._connected() as connection, self._turnstile.turn():
            busy, *_ = connection.execute(f"PRAGMA wal_checkpoint({how})").fetchone()
        return not busy

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._database, timeout=_WAIT)) as connection:
                yield connection
        except sqlite3.OperationalError as error:
            raise Busy(f"The disk did not take what was written ({error}).") from error
