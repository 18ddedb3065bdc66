"""Lets the processes that share one SQLite file write in turn, fairly.

SQLite's own busy polling starves whoever polls less often (p99 0.8 s measured). Two locks make a queue of it: take
``next``, take ``data``, release ``next``. A process that just wrote must line up again behind the one that waits.
"""

import ctypes
import fcntl
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ours import processes
from ours.errors import Busy

MEND = "`ps -o stat,args` tells whether it is stopped (T): let it go on (`kill -CONT`), or end it (`kill -9`)."

_PATIENCE = 30.0
_SILENCE, _LONGEST = 5.0, 60.0
_NEXT, _DATA = "next.lock", "data.lock"

# Called without letting go of the interpreter: these never wait, and under load getting it back would.
_flock = ctypes.PyDLL(None).flock


def _give(file: IO[bytes]) -> None:
    if not file.closed:
        _flock(file.fileno(), fcntl.LOCK_UN)


class Turnstile:
    """Opened at the first turn, so that it is never shared with a forked child (which would share its locks)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._threads = threading.Lock()
        self._since: float | None = None  # when the thread that has it, or waits for it, came
        self._files: tuple[IO[bytes], IO[bytes]] | None = None
        self._told: Callable[[str], None] | None = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Others have theirs when the block ends, which Ctrl-Z does not put off.

        :raises Busy: when a thread of this process has waited for it in vain for half a minute: one is enough. That
            one waits for ever, unless ``hurry`` was called.
        """
        with self._alone(), _unstopped():
            following, data = self._files = self._files or self._open()
            self._take(following)
            try:
                self._take(data)
            finally:
                _give(following)
            try:
                yield
            finally:
                _give(data)

    def hurry(self, told: Callable[[str], None]) -> None:
        """Wait for no turn longer than a minute, for a person waits, too. Soon ``told`` hears who keeps it."""
        self._told = told

    def comes(self, seconds: float) -> bool:
        """Whether it is our turn within ``seconds``. If not, a thread goes on waiting."""
        came = threading.Event()

        def take() -> None:
            with suppress(Busy, ValueError), self.turn():  # nobody asks any more: it was closed
                came.set()

        threading.Thread(target=take, name="turn", daemon=True).start()
        return came.wait(seconds)

    def kept_by(self, seconds: float) -> str | None:
        """Who keeps others from writing for so long, as words to begin a sentence with; None when nobody does."""
        return None if self.comes(seconds) else self._keeper()

    def _keeper(self) -> str:
        number = self._holder(_DATA) or self._holder(_NEXT)  # who was stopped in line has no turn, and keeps the line
        return f"Process {number}" if number else "Another program"

    def _holder(self, name: str) -> int | None:
        """The process that has that lock; None where that can't be known."""
        known, place = (self._folder / name).stat(), Path("/proc/locks")
        for line in place.read_text().splitlines() if place.exists() else ():
            words = line.split()
            if words[1] == "FLOCK" and words[5].endswith(f":{known.st_ino}"):
                return int(words[4])
        return None

    def _take(self, file: IO[bytes]) -> None:
        if not _flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB):
            return
        if self._told is None:
            fcntl.flock(file, fcntl.LOCK_EX)
        else:
            self._take_soon(file, self._told)

    def _take_soon(self, file: IO[bytes], told: Callable[[str], None]) -> None:
        came = threading.Event()

        def take() -> None:
            fcntl.flock(file, fcntl.LOCK_EX)
            came.set()

        threading.Thread(target=take, name="turn", daemon=True).start()
        if came.wait(_SILENCE):
            return
        told(f"{self._keeper()} keeps the turn to write. It is waited for, a minute at most.")
        if not came.wait(_LONGEST - _SILENCE):
            who = self._keeper()
            self.close()  # should the thread still get it, it has it for that moment
            raise Busy(f"{who} keeps the turn to write: nobody has written for {_LONGEST:.0f} s. {MEND}")

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
        return processes.lock_file(self._folder / _NEXT), processes.lock_file(self._folder / _DATA)


@contextmanager
def _unstopped() -> Iterator[None]:
    """Who types Ctrl-Z stops the command, and would stop everybody: it waits for the end of the turn."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTSTP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
