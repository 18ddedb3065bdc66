"""Runs the ``send`` of destinations that are not HTTP: a few threads for each destination, with a deadline."""

import socket
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from ours.plugin import NetworkRefused, Rejected, Retry, Unknown

THREADS = 4
_DEADLINE = 20.0
_IDLE = 60.0
"""Seconds after which the threads of a destination end that nothing was sent to: it may be off, or removed."""


@dataclass(frozen=True, slots=True)
class Done:
    """``said`` is what the plugin's send() gave, an outcome if it keeps its word; or the exception that it raised."""

    tag: str
    said: object
    total_ms: int


@dataclass(frozen=True, slots=True)
class _Errand:
    future: Future[object]
    started: float


@dataclass(slots=True)
class _Threads:
    """Those of one destination. ``busy``: what they were given and is not done, given up on or not."""

    executor: ThreadPoolExecutor
    busy: set[Future[object]] = field(default_factory=set)
    used: float = 0.0


class Pool:
    """A destination that hangs keeps its own threads busy and nobody else's."""

    def __init__(self) -> None:
        self._threads: dict[int, _Threads] = {}
        self._errands: dict[str, _Errand] = {}

    @property
    def in_flight(self) -> int:
        return len(self._errands)

    def submit(self, tag: str, destination_id: int, work: Callable[[], object]) -> None:
        threads = self._threads.get(destination_id)
        if threads is None:
            threads = _Threads(ThreadPoolExecutor(THREADS, thread_name_prefix=f"send-{destination_id}"))
            self._threads[destination_id] = threads
        threads.used = time.monotonic()
        future = threads.executor.submit(work)
        threads.busy.add(future)
        future.add_done_callback(threads.busy.discard)
        self._errands[tag] = _Errand(future, threads.used)

    def wait(self, timeout: float) -> list[Done]:
        """Those that ended, or ran out of time, within ``timeout`` seconds."""
        if not self._errands:
            self._let_go(time.monotonic() - _IDLE)
            return []
        wait([errand.future for errand in self._errands.values()], timeout, FIRST_COMPLETED)
        now = time.monotonic()
        ended = [
            Done(tag, _said(errand), round((now - errand.started) * 1000))
            for tag, errand in self._errands.items()
            if errand.future.done() or now - errand.started > _DEADLINE
        ]
        for done in ended:
            self._errands.pop(done.tag).future.cancel()
        return ended

    def _let_go(self, since: float) -> None:
        """But not of one that hangs: it would hang four more each time."""
        for idle in [key for key, threads in self._threads.items() if threads.used < since and not threads.busy]:
            self._threads.pop(idle).executor.shutdown(wait=False)

    def close(self) -> None:
        for threads in self._threads.values():
            threads.executor.shutdown(wait=False, cancel_futures=True)


def _said(errand: _Errand) -> object:
    if not errand.future.done():
        return Unknown("timeout", f"It took longer than {_DEADLINE:.0f} seconds.")
    match errand.future.exception():
        case None:
            return errand.future.result()
        case NetworkRefused() as refused:
            return Rejected("ssrf_refused", str(refused))
        case socket.gaierror():
            return Retry("dns_failed", "The destination's host name has no address (DNS). Check the spelling.")
        case error:
            return error
