"""A child of this process that may crash, hang, or take memory and threads without end, and is minded meanwhile."""

import faulthandler
import fcntl
import gc
import os
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn, Self

from ours import lastwords, processes, timebox

MOST_MB = 1_024
MOST_THREADS = 1_000
_LOOK = 0.05
_LAST_WORDS = 0.5
_SIZES = re.compile(r"^(VmRSS|Threads):\s+(\d+)", re.MULTILINE)


class Child:
    """A fork of us that does ``work``, which sends reports. With the block it ends, and so does what it started.

    It hears no Ctrl-C: we do, and end it.
    """

    def __init__(self, work: Callable[[Connection], None]) -> None:
        self._reports, reports = Pipe(duplex=False)
        with tempfile.TemporaryFile() as file:
            self._said = lastwords.out_of_reach(file.fileno())
        fcntl.fcntl(self._said, fcntl.F_SETFL, os.O_APPEND)
        self._heard = 0
        self._status: int | None = None
        parent = os.getpid()
        try:
            self._pid = os.fork()
        except OSError:
            os.close(self._said)
            raise
        if not self._pid:
            _run(work, reports, self._said, parent)
        reports.close()
        self._first = self._sizes()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._reports.close()
        os.close(self._said)

    def report(self, seconds: float) -> tuple[bytes, str]:
        """The next report; or an empty one, and what is wrong: ``("", "It ended the process (SIGSEGV)")``.

        :raises KeyboardInterrupt: when that ended it.
        """
        ends = time.monotonic() + seconds
        while not self._reports.poll(_LOOK):
            wrong = f"It had not ended after {seconds:.0f} seconds" if time.monotonic() > ends else self._too_much()
            if wrong:
                self._end()
                return b"", wrong
            if self._has_ended() and not self._reports.poll():
                return b"", self._how_it_ended()
        try:
            return self._reports.recv_bytes(), ""
        except EOFError:
            return b"", self._how_it_ended()

    def said(self) -> bytes:
        """What it wrote to stdout and stderr, and its last words, since this was asked last."""
        said = os.pread(self._said, os.fstat(self._said).st_size - self._heard, self._heard)
        self._heard += len(said)
        return said

    def _too_much(self) -> str:
        megabytes, threads = (now - first for now, first in zip(self._sizes(), self._first, strict=True))
        if megabytes > MOST_MB:
            return f"It took more than {MOST_MB} MB of memory"
        return f"It started more than {MOST_THREADS} threads" if threads > MOST_THREADS else ""

    def _sizes(self) -> tuple[int, int]:
        """How many megabytes and threads it has, where that can be known."""
        with suppress(OSError):
            known = dict(_SIZES.findall(Path(f"/proc/{self._pid}/status").read_text()))
            return int(known.get("VmRSS", 0)) >> 10, int(known.get("Threads", 0))
        return 0, 0

    def _how_it_ended(self) -> str:
        if not self._has_ended(_LAST_WORDS):
            return "It closed a file that is not its own"
        status = self._status or 0
        if status == -signal.SIGINT:
            raise KeyboardInterrupt
        return f"It ended the process ({signal.Signals(-status).name if status < 0 else f'status {status}'})"

    def _has_ended(self, seconds: float = 0.0) -> bool:
        """Whether it has, by now or within that time."""
        ends = time.monotonic() + seconds
        while self._status is None:
            try:
                ended, status = os.waitpid(self._pid, os.WNOHANG)
            except ChildProcessError:  # somebody in here waits for whomever there is
                ended, status = self._pid, 0
            if ended:
                self._status = os.waitstatus_to_exitcode(status)
            elif time.monotonic() >= ends:
                return False
            else:
                time.sleep(0.002)
        return True

    def _end(self) -> None:
        """First by the signal at which it says where it is."""
        for number in (signal.SIGVTALRM, signal.SIGKILL):
            if not self._has_ended():
                os.kill(self._pid, number)
                self._has_ended(_LAST_WORDS)
        with suppress(OSError):
            os.killpg(self._pid, signal.SIGKILL)


def _run(work: Callable[[Connection], None], reports: Connection, said: int, parent: int) -> NoReturn:
    status = 1
    try:
        _settle(said, parent)
        work(reports)
        status = 0
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:  # noqa: BLE001 - a bug of ours, in the last frame of this process
        traceback.print_exc()
    finally:
        os._exit(status)


def _settle(said: int, parent: int) -> None:
    os.setpgid(0, 0)
    processes.bind_to_parent(parent)
    processes.die_first()
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    gc.freeze()  # so that nothing of our parent's is closed in here
    void = os.open(os.devnull, os.O_RDONLY)
    for handle, place in enumerate((void, said, said)):
        os.dup2(place, handle)
    os.close(void)
    sys.stdout = sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    faulthandler.enable(said)
    timebox.say_in(said)
