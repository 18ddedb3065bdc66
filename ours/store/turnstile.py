"""Lets the processes that share one SQLite file write in turn, fairly.

SQLite's own busy polling starves whoever polls less often (p99 0.8 s measured). Two locks make a queue of it: take
``next``, take ``data``, release ``next``. A process that just wrote must line up again behind the one that waits.
"""

import ctypes
import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ours import processes

# Called without letting go of the interpreter: these never wait, and under load getting it back would.
_flock = ctypes.PyDLL(None).flock


def _take(file: IO[bytes]) -> None:
    if _flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB):
        fcntl.flock(file, fcntl.LOCK_EX)


def _give(file: IO[bytes]) -> None:
    _flock(file.fileno(), fcntl.LOCK_UN)


class Turnstile:
    """Opened at the first turn, so that it is never shared with a forked child (which would share its locks)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._threads = threading.Lock()
        self._files: tuple[IO[bytes], IO[bytes]] | None = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        with self._threads:
            following, data = self._files = self._files or self._open()
            _take(following)
            try:
                _take(data)
            finally:
                _give(following)
            try:
                yield
            finally:
                _give(data)

    def close(self) -> None:
        for file in self._files or ():
            file.close()
        self._files = None

    def _open(self) -> tuple[IO[bytes], IO[bytes]]:
        return processes.lock_file(self._folder / "next.lock"), processes.lock_file(self._folder / "data.lock")
