"""Lets the processes that share one SQLite file write in turn, fairly.

SQLite's own busy polling starves whoever polls less often (p99 0.8 s measured). Two locks make a queue of it: take
``next``, take ``data``, release ``next``. A process that just wrote must line up again behind the one that waits.
"""

import ctypes
import fcntl
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ours import processes
from ours.errors import Busy

_PATIENCE = 30.0
_DATA = "data.lock"

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
        self._since: float | None = None  # when the thread that has it, or waits for it, came
        self._files: tuple[IO[bytes], IO[bytes]] | None = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Others have theirs when the block ends, which Ctrl-Z does not put off.

        :raises Busy: when a thread of this process has waited for it in vain for half a minute: one is enough.
        """
        with self._alone(), _unstopped():
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

    def comes(self, seconds: float) -> bool:
        """Whether it is our turn within ``seconds``. If not, a thread goes on waiting."""
        came = threading.Event()

        def take() -> None:
            with suppress(Busy, ValueError), self.turn():  # nobody asks any more: it was closed
                came.set()

        threading.Thread(target=take, name="turn", daemon=True).start()
        return came.wait(seconds)

    def holder(self) -> int | None:
        """The process whose turn it is; None where that can't be known."""
        known, place = (self._folder / _DATA).stat(), Path("/proc/locks")
        for line in place.read_text().splitlines() if place.exists() else ():
            words = line.split()
            if words[1] == "FLOCK" and words[5].endswith(f":{known.st_ino}"):
                return int(words[4])
        return None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        since = self._since or time.monotonic()
        if not self._threads.acquire(timeout=max(since + _PATIENCE - time.monotonic(), 0)):
            raise Busy("The database can't be written just now: whoever has the turn to write keeps it.")
        self._since = time.monotonic()
        try:
            yield
        finally:
            self._since = None
            self._threads.release()

    def close(self) -> None:
        for file in self._files or ():
            file.close()
        self._files = None

    def _open(self) -> tuple[IO[bytes], IO[bytes]]:
        return processes.lock_file(self._folder / "next.lock"), processes.lock_file(self._folder / _DATA)


@contextmanager
def _unstopped() -> Iterator[None]:
    """Who types Ctrl-Z stops the command, and would stop everybody: it waits for the end of the turn."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTSTP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
