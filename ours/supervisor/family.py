"""Forks the children, restarts the one that falls, and ends them all."""

import math
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from ours import log, processes

_logger = log.get("supervisor")
_GRACE = 4.5
_TICK = 0.05
_LONGEST_PAUSE = 5.0
_SETTLED = 30.0


@dataclass(slots=True)
class Child:
    name: str
    run: Callable[[], None]
    pid: int = 0
    started: float = 0.0
    pause: float = 0.1
    due: float = 0.0

    def rest(self) -> None:
        """Be started again soon; less soon each time that it does not live for long."""
        lived = time.monotonic() - self.started
        self.pause = 0.1 if lived > _SETTLED else min(self.pause * 2, _LONGEST_PAUSE)
        self.due = time.monotonic() + self.pause


class Family:
    """Children of this process. They share what it imported, lead sessions of their own (so that Ctrl-C reaches only
    us), die when we do, and end with the block."""

    def __init__(self) -> None:
        self._children: list[Child] = []
        self._stopping = False

    def __enter__(self) -> "Family":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def add(self, name: str, run: Callable[[], None]) -> None:
        """Start a child, which is minded from now on."""
        self._children.append(Child(name, run))
        self._fork_due()

    def stop(self) -> None:
        self._stopping = True

    def mind(self) -> None:
        """Restart whoever falls, until ``stop``."""
        self.until(lambda: False)

    def until(self, true: Callable[[], bool], seconds: float = math.inf) -> bool:
        """Mind the children until something is so, for ``seconds`` at most; answers whether it is."""
        ends = time.monotonic() + seconds
        while not self._stopping and time.monotonic() < ends:
            self._reap()
            self._fork_due()
            if true():
                return True
            time.sleep(_TICK)
        return False

    def _fork_due(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if not child.pid and now >= child.due:
                try:
                    _fork(child)
                except OSError as error:  # as many processes as there may be, or no memory: the others live on
                    child.rest()
                    _logger.warning("child_waits", child=child.name, error=error.strerror)

    def _reap(self) -> None:
        for child in self._children:
            ended, status = os.waitpid(child.pid, os.WNOHANG) if child.pid else (0, 0)
            if ended:
                lived = time.monotonic() - child.started
                child.rest()
                child.pid = 0
                if not self._stopping:
                    by = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else None
                    _logger.warning("child_restarts", child=child.name, lived_seconds=round(lived, 1), ended_by=by)

    def _end(self) -> None:
        """First those that take work in, then the queue below them."""
        patience = time.monotonic() + _GRACE
        workers, below = self._children[::-1], [child for child in self._children if child.name == "valkey"]
        _signal([child for child in workers if child not in below], signal.SIGTERM)
        while any(child.pid for child in workers if child not in below) and time.monotonic() < patience:
            self._reap()
            time.sleep(0.02)
        _signal(self._children, signal.SIGKILL)
        for child in self._children:
            if child.pid:
                os.waitpid(child.pid, 0)


def _signal(children: list[Child], number: int) -> None:
    for child in children:
        if child.pid:
            os.kill(child.pid, number)


def _fork(child: Child) -> None:
    parent = os.getpid()
    _flush()
    child.started = time.monotonic()
    child.pid = os.fork()
    if child.pid:
        return
    status = 1
    try:
        os.setsid()
        processes.bind_to_parent(parent)
        processes.show_name(child.name)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        child.run()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:  # the last frame of this process: say it and go
        _logger.exception("child_fell", child=child.name)
    finally:
        _flush()
        os._exit(status)


def _flush() -> None:
    """So that nothing is said twice, by us and by a child. What can't be written fells nobody."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
