"""Runs the ``send`` of destinations that are not HTTP: a few threads for each destination, with a deadline."""

import socket
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

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


class Pool:
    """A destination that hangs keeps its own threads busy and nobody else's."""

    def __init__(self) -> None:
        self._executors: dict[int, ThreadPoolExecutor] = {}
        self._errands: dict[str, _Errand] = {}
        self._used: dict[int, float] = {}

    @property
    def in_flight(self) -> int:
        return len(self._errands)

    def submit(self, tag: str, destination_id: int, work: Callable[[], object]) -> None:
        executor = self._executors.get(destination_id)
        if executor is None:
            executor = ThreadPoolExecutor(THREADS, thread_name_prefix=f"send-{destination_id}")
            self._executors[destination_id] = executor
        self._used[destination_id] = now = time.monotonic()
        self._errands[tag] = _Errand(executor.submit(work), now)

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
        for idle in [destination_id for destination_id, used in self._used.items() if used < since]:
            del self._used[idle]
            self._executors.pop(idle).shutdown(wait=False)

    def close(self) -> None:
        for executor in self._executors.values():
            executor.shutdown(wait=False, cancel_futures=True)


def _said(errand: _Errand) -> object:
    if not errand.future.done():
        return Unknown("timeout", f"It took longer than {_DEADLINE:.0f} seconds.")
    match errand.future.exception():
        case None:
            return errand.future.result()
        case NetworkRefused() as refused:
            return Rejected("ssrf_refused", str(refused))
        case socket.gaierror():
            return Retry("dns_failed", "The destination's host name has no address. Check how it is spelt.")
        case error:
            return error
