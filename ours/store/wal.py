"""SQLite's write-ahead log, flushed by us: SQLite would do it in the writer's turn, while all others wait for theirs.

Why that is as safe is said in ``docs/adr/0018``.
"""

import os
import sqlite3
import threading
import time
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
_sync = getattr(os, "fdatasync", os.fsync)


class Wal:
    """The log of one database file."""

    def __init__(self, database: Path, turnstile: Turnstile) -> None:
        self._database = database
        self._file = database.with_name(f"{database.name}-wal")
        self._turnstile = turnstile
        self._opening, self._flushing = threading.Lock(), threading.Lock()
        self._log: IO[bytes] | None = None
        self._data: IO[bytes] | None = None
        self._doubtful = False
        self._seen = 0

    def flush(self) -> None:
        """Return when all that was committed is on disk.

        For as long as this takes, a connection must be open: the last to go removes the log.

        What the system could not write it forgets: the next flush would succeed without it. So from a failure on, until
        that succeeds, the log's content is moved into the database and the log emptied, so that nothing of it is read
        again. A failure is told to one thread only: the others wait for it.

        :raises Busy: when it can't be written.
        """
        with self._flushing:
            if not self._doubtful:
                self._doubtful = not self._try_to_flush()
            if self._doubtful:
                self._doubtful = not (self._move_all() and self._try_to_flush())
            if self._doubtful:
                raise Busy("The disk did not take what was written.")

    def tend(self) -> None:
        """If it has become long, move its content into the database, so that the next writer begins it anew.

        Nearly all of this is done outside of the turn, for the disk may take half a second, and within it only what was
        written meanwhile. Who reads for long keeps all of it where it is, until he ends.

        :raises Busy: when the disk does not take it.
        """
        if not self._is_long():
            return
        with self._connected() as connection:
            moved = 0
            for _ in range(_ROUNDS):
                before = moved
                busy, pages, moved = connection.execute(_MOVE).fetchone()
                if busy or moved - before < _FEW:
                    break
            if busy or pages - moved >= _FEW:
                return
            self._flush_database()
            with self._turnstile.turn():
                connection.execute(_MOVE)

    def _is_long(self) -> bool:
        """Whether there is a page so far behind that is of the present beginning: that is what a salt says.

        Also whether anything was written since we looked last. https://sqlite.org/walformat.html
        """
        try:
            log = self._opened().fileno()
        except FileNotFoundError:  # nobody is connected
            return False
        seen, self._seen = self._seen, os.fstat(log).st_mtime_ns
        head = os.pread(log, _HEAD, 0)
        frame = os.pread(log, _FRAME_HEAD, _HEAD + _LONG * (_FRAME_HEAD + int.from_bytes(head[8:12])))
        return seen != self._seen and bool(frame) and frame[8:16] == head[16:24]

    def _flush_database(self) -> None:
        """SQLite does so only when nobody wrote meanwhile: in the turn, otherwise.

        To close the file would end all locks that SQLite has on it in this process, so it stays open.
        """
        self._data = self._data or self._database.open("rb")
        _sync(self._data.fileno())

    def empty(self) -> bool:
        """Leave no trace in it of what was deleted; whether that could be done."""
        for _ in range(_TRIES):
            if self._move_all():
                return True
            time.sleep(_WAIT / 3)  # the scheduler may be at it
        return False

    def close(self) -> None:
        """To be called when all connections are closed."""
        for file in (self._log, self._data):
            if file:
                file.close()
        self._log = self._data = None

    def _opened(self) -> IO[bytes]:
        with self._opening:
            if self._log is None or not os.fstat(self._log.fileno()).st_nlink:
                if self._log:
                    self._log.close()
                self._log = self._file.open("rb")
            return self._log

    def _try_to_flush(self) -> bool:
        try:
            _sync(self._opened().fileno())
        except OSError:
            return False
        return True

    def _move_all(self) -> bool:
        """Move its content into the database and empty it; False when somebody else keeps us from that.

        :raises Busy: when the disk does.
        """
        with self._connected() as connection, self._turnstile.turn():
            busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._database, timeout=_WAIT)) as connection:
                yield connection
        except sqlite3.OperationalError as error:
            raise Busy(f"The disk did not take what was written ({error}).") from error
