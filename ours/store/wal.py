"""SQLite's write-ahead log, flushed by us: SQLite would do it in the writer's turn, while all others wait for theirs.

Why that is as safe is said in ``docs/adr/0018``.
"""

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import IO

from ours.errors import Busy
from ours.store.turnstile import Turnstile

_TRIES, _WAIT = 10, 0.3


class Wal:
    """The log of one database file."""

    def __init__(self, database: Path, turnstile: Turnstile) -> None:
        self._database = database
        self._file = database.with_name(f"{database.name}-wal")
        self._turnstile = turnstile
        self._opening = threading.Lock()
        self._log: IO[bytes] | None = None
        self._doubtful = False

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
        try:
            with closing(sqlite3.connect(self._database, timeout=_WAIT)) as connection, self._turnstile.turn():
                busy, *_ = connection.execute(f"PRAGMA wal_checkpoint({how})").fetchone()
        except sqlite3.OperationalError as error:
            raise Busy(f"The disk did not take what was written ({error}).") from error
        return not busy
