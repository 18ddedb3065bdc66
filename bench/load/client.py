"""Keep-alive connections driven by one epoll loop, without an HTTP library: the load must not be the bottleneck."""

import select
import time
from collections import deque
from contextlib import ExitStack

from bench.load.bodies import Bodies
from bench.load.connection import Connection
from bench.load.job import Job, Load, percentile
from bench.tally import Tally

_LAST_WAIT = 25.0
_IDLE = 0.05
_WATCHING = 0.001


class Client:
    def __init__(self, job: Job) -> None:
        self._job = job
        self._render = Bodies(job)
        self._sent = 0
        self._poll = select.epoll()
        self._all: dict[int, Connection] = {}
        self._idle: deque[Connection] = deque()
        self._begun: list[float] = []
        self._took: list[float] = []
        self._failed = 0

    def run(self) -> Load:
        job = self._job
        with ExitStack() as stack:
            stack.callback(self._close)
            tally = stack.enter_context(Tally(job.tally)) if job.tally else None
            for _ in range(job.connections):
                self._connect()
            start = time.monotonic()
            if job.warm:
                self._press(start, start + job.warm, tally)
                self._took.clear()
                self._failed = 0
            before, begun = tally.count if tally else 0, time.monotonic()
            self._press(start, start + job.warm + job.seconds, tally)
            if job.rows:
                self._wait_for_the_rest()
            answered, failed, seconds = len(self._took), self._failed, time.monotonic() - begun
            received = tally.count - before if tally else 0
            self._wait_for_the_rest()
            return self._load(seconds, answered, failed, received)

    def _press(self, start: float, end: float, tally: Tally | None) -> None:
        now = time.monotonic()
        while now < end:
            limit = self._limit(now - start, tally)
            while self._idle and self._sent < limit:
                self._begin(self._idle.popleft())
            self._turn(self._patience(start, now))
            now = time.monotonic()

    def _limit(self, elapsed: float, tally: Tally | None) -> float:
        """How many requests may have been sent by now."""
        if tally and self._job.window:
            return tally.count + self._job.window
        return int(elapsed * self._job.rate) + 1 if self._job.rate else float("inf")

    def _patience(self, start: float, now: float) -> float:
        if self._job.rate:
            return min(max(start + self._sent / self._job.rate - now, 0.0), _IDLE)
        return _WATCHING if self._job.window else _IDLE

    def _begin(self, connection: Connection) -> None:
        request = self._render(self._sent)
        now = time.monotonic()
        self._sent += 1
        if self._job.rate:
            self._begun.append(now)
        if not connection.begin(request, now):
            self._poll.modify(connection.socket, select.EPOLLIN | select.EPOLLOUT)

    def _turn(self, timeout: float) -> None:
        for descriptor, events in self._poll.poll(timeout):
            connection = self._all[descriptor]
            if events & select.EPOLLOUT:
                if connection.send():
                    self._poll.modify(descriptor, select.EPOLLIN)
                continue
            try:
                status = connection.receive()
            except ConnectionError:
                status = b""
            if status is not None:
                self._end(connection, status)

    def _end(self, connection: Connection, status: bytes) -> None:
        if status == b"200":
            self._took.append(time.monotonic() - connection.begun)
        else:
            self._failed += 1
        if status:
            self._idle.append(connection)
        else:
            self._drop(connection)
            self._connect()

    def _wait_for_the_rest(self) -> None:
        end = time.monotonic() + _LAST_WAIT
        while len(self._idle) < len(self._all) and time.monotonic() < end:
            self._turn(_IDLE)

    def _connect(self) -> None:
        connection = Connection(self._job.port)
        self._all[connection.socket.fileno()] = connection
        self._poll.register(connection.socket, select.EPOLLIN)
        self._idle.append(connection)

    def _drop(self, connection: Connection) -> None:
        self._poll.unregister(connection.socket)
        del self._all[connection.socket.fileno()]
        connection.socket.close()

    def _close(self) -> None:
        for connection in list(self._all.values()):
            self._drop(connection)
        self._poll.close()

    def _load(self, seconds: float, answered: int, failed: int, received: int) -> Load:
        p50, p95, p99 = (round(percentile(self._took, share) * 1000, 3) for share in (0.5, 0.95, 0.99))
        return Load(
            seconds=seconds, answered=answered, failed=failed, p50_ms=p50, p95_ms=p95, p99_ms=p99,
            sent=self._sent, received=received, begun=self._begun,
        )  # fmt: skip
