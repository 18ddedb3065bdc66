"""SQLite's write-ahead log, flushed by us: SQLite would do it in the writer's turn, while all others wait for theirs.

Why that is as safe is said in ``docs/adr/0018``.
"""

import os
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
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
        self._turnstile = turnstile
        self._opening, self._flushing = threading.Lock(), threading.Lock()
        self._files: dict[str, IO[bytes]] = {}
        self._doubtful = self._kept = False
        self._seen = 0
        self._beside = ThreadPoolExecutor(1, "flush")
        self._begun: Future[None] | None = None
        self._at_work = threading.Event()

    def begin_flush(self) -> None:
        """Flush what was committed while the caller goes on. ``flushed`` waits for it.

        The caller goes on when the disk is at work: Python lets another thread go on only after five milliseconds, or
        when this one waits for something, which the caller may not do before it waits for the disk.
        """
        self._at_work.clear()
        self._begun = self._beside.submit(self._flush_beside)
        self._at_work.wait()

    def _flush_beside(self) -> None:
        try:
            self.flush()
        finally:
            self._at_work.set()

    def flushed(self) -> None:
        """Return when what was committed before the last ``begin_flush`` is on disk, at once if there was none.

        :raises Busy: for as long as it can't be written.
        """
        if self._begun and self._begun.exception():
            self.flush()
        self._begun = None

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

        :raises Busy: when the disk does not take it. From then on the log is left as it is: SQLite would hold for
            moved what the disk has not, and only the log has it.
        """
        if self._kept or not self._is_long():
            return
        with self._connected() as connection, self._connected() as reader:
            moved = 0
            for _ in range(_ROUNDS):
                if not self._held_by(reader):
                    return
                before = moved
                busy, pages, moved = connection.execute(_MOVE).fetchone()
                reader.rollback()
                if busy or moved - before < _FEW:
                    break
            if busy or pages - moved >= _FEW:
                return
            self._flush_database()
            with self._turnstile.turn():
                connection.execute(_MOVE)

    def _held_by(self, reader: sqlite3.Connection) -> bool:
        """Have it read, so that nobody begins the log anew while some of it is moved; False when all was moved already.

        SQLite before 3.51.3 takes a log that is begun anew in that moment for moved as far as the old one, and loses
        what is written next: https://sqlite.org/wal.html#walresetbug. While somebody reads it nobody begins it anew, if
        something was left to be moved when he came.
        """
        with self._turnstile.turn():
            reader.execute("BEGIN")
            reader.execute("SELECT 1 FROM sqlite_schema").fetchone()
            index = os.pread(self._opened("-shm").fileno(), 100, 0)
            written, moved = (int.from_bytes(index[at : at + 4], sys.byteorder) for at in (16, 96))
            return moved < written

    def _is_long(self) -> bool:
        """Whether there is a page so far behind that is of the present beginning: that is what a salt says.

        Also whether anything was written since we looked last. https://sqlite.org/walformat.html
        """
        try:
            log = self._opened("-wal").fileno()
        except FileNotFoundError:  # nobody is connected
            return False
        seen, self._seen = self._seen, os.fstat(log).st_mtime_ns
        head = os.pread(log, _HEAD, 0)
        frame = os.pread(log, _FRAME_HEAD, _HEAD + _LONG * (_FRAME_HEAD + int.from_bytes(head[8:12])))
        return seen != self._seen and bool(frame) and frame[8:16] == head[16:24]

    def _flush_database(self) -> None:
        """SQLite does so only when nobody wrote meanwhile: in the turn, otherwise."""
        try:
            _sync(self._opened("").fileno())
        except OSError as error:
            self._kept = True
            raise Busy("The disk did not take what was written. It may have to be replaced.", cause=error) from error

    def empty(self) -> bool:
        """Leave no trace in it of what was deleted; whether that could be done."""
        for _ in range(_TRIES):
            if self._move_all():
                return True
            time.sleep(_WAIT / 3)  # the scheduler may be at it
        return False

    def close(self) -> None:
        """To be called when all connections are closed."""
        self._beside.shutdown()
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _opened(self, suffix: str) -> IO[bytes]:
        """One of the files that SQLite keeps.

        To close it would end all locks that SQLite has on it in this process, so it stays open until it was removed.
        """
        with self._opening:
            if suffix in self._files and not os.fstat(self._files[suffix].fileno()).st_nlink:
                self._files.pop(suffix).close()
            if suffix not in self._files:
                self._files[suffix] = self._database.with_name(self._database.name + suffix).open("rb")
            return self._files[suffix]

    def _try_to_flush(self) -> bool:
        try:
            log = self._opened("-wal").fileno()
            self._at_work.set()
            _sync(log)
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
            raise Busy("The disk did not take what was written.", cause=error) from error
