"""`python -m bench.load.steady STEADY`: sends at a fixed rate through a plain balancer until SIGTERM; prints a course.

The balancer does what `deploy/nginx.conf` tells nginx to do: it takes the web processes in turn, is not told that one
is about to end, offers what was refused a connection to the next at once, and leaves the one that refused alone for two
seconds. The caller does what the vendor's clients do: what broke after it was sent, or was not answered 200, it sends
again half a second later. A request's time runs from the moment it was due until its 200, whatever lay between.
"""

import heapq
import json
import select
import signal
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict

from bench.load.bodies import Bodies
from bench.load.connection import Connection
from bench.load.job import Course, Job, Steady

_AGAIN = 0.5
_SET_ASIDE = 2.0
_PATIENCE = 10.0
_LAST_WAIT = 20.0
_TURN = 0.05


class Caller:
    """Requests by number; each is due, on its way, or waits to be sent again."""

    def __init__(self, given: Steady) -> None:
        self._rate = given.rate
        self._render = Bodies(Job(port=given.ports[0], key=given.key, tag=given.tag, seconds=0))
        self._balancer = Balancer(given.ports)
        self._again: list[tuple[float, int]] = []
        self._course = Course(due=[], took=[])
        self._open = True

    def stop(self, *_: object) -> None:
        self._open = False

    def run(self) -> Course:
        """Send until ``stop``, and wait for what is not answered by then."""
        with closing(self._balancer):
            self._press()
            self._wait_for_the_rest()
        return self._course

    def _press(self) -> None:
        start = time.monotonic()
        while self._open:
            now = time.monotonic()
            while (due := start + len(self._course.due) / self._rate) <= now:
                self._course.due.append(due)
                self._course.took.append(-1.0)
                self._send(len(self._course.due) - 1)
            self._turn(due - now)

    def _wait_for_the_rest(self) -> None:
        end = time.monotonic() + _LAST_WAIT
        while (self._again or self._balancer.busy) and time.monotonic() < end:
            self._turn(_TURN)

    def _turn(self, timeout: float) -> None:
        for number, status in self._balancer.answers(min(timeout, _TURN)):
            if status == b"200":
                self._course.took[number] = time.monotonic() - self._course.due[number]
            else:
                self._postpone(number)
        while self._again and self._again[0][0] <= time.monotonic():
            self._send(heapq.heappop(self._again)[1])

    def _send(self, number: int) -> None:
        if not self._balancer.send(number, self._render(number)):
            self._postpone(number)

    def _postpone(self, number: int) -> None:
        self._course.again.append(number)
        heapq.heappush(self._again, (time.monotonic() + _AGAIN, number))


class Balancer:
    """Connections that stay open to several ports of this machine."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._in_turn = deque(ports)
        self._aside = dict.fromkeys(ports, 0.0)
        self._idle: dict[int, deque[Connection]] = {port: deque() for port in ports}
        self._all: dict[int, tuple[int, Connection]] = {}
        self.busy: dict[Connection, int] = {}
        self._poll = select.epoll()

    def send(self, number: int, request: bytes) -> bool:
        """Whether one of the ports took it."""
        for _ in range(len(self._in_turn)):
            port = self._in_turn[0]
            self._in_turn.rotate(-1)
            if self._aside[port] <= time.monotonic() and (connection := self._connection(port)):
                self.busy[connection] = number
                try:
                    if not connection.begin(request, time.monotonic()):
                        self._poll.modify(connection.socket, select.EPOLLIN | select.EPOLLOUT)
                except ConnectionError:
                    self._end(port, connection, b"")
                    continue
                return True
        return False

    def answers(self, timeout: float) -> list[tuple[int, bytes]]:
        """Whose answers came within ``timeout`` seconds: their numbers and statuses, empty for what broke."""
        found = []
        for descriptor, events in self._poll.poll(max(timeout, 0)):
            port, connection = self._all[descriptor]
            try:
                if events & select.EPOLLOUT:
                    if connection.send():
                        self._poll.modify(descriptor, select.EPOLLIN)
                    continue
                status = connection.receive()
            except ConnectionError:
                status = b""
            if status is not None:
                found += self._end(port, connection, status)
        return found + self._overdue()

    def close(self) -> None:
        for port, connection in list(self._all.values()):
            self._drop(port, connection)
        self._poll.close()

    def _end(self, port: int, connection: Connection, status: bytes) -> list[tuple[int, bytes]]:
        number = self.busy.pop(connection, None)
        if status:
            self._idle[port].append(connection)
        else:
            self._drop(port, connection)
            if number is not None:
                self._aside[port] = time.monotonic() + _SET_ASIDE
        return [] if number is None else [(number, status)]

    def _overdue(self) -> list[tuple[int, bytes]]:
        limit = time.monotonic() - _PATIENCE
        late = [connection for connection in self.busy if connection.begun < limit]
        return [one for connection in late for one in self._end(self._port(connection), connection, b"")]

    def _port(self, connection: Connection) -> int:
        return self._all[connection.socket.fileno()][0]

    def _connection(self, port: int) -> Connection | None:
        """One that is idle, or a new one; None when the port refuses."""
        if self._idle[port]:
            return self._idle[port].pop()
        try:
            connection = Connection(port)
        except OSError:
            self._aside[port] = time.monotonic() + _SET_ASIDE
            return None
        self._all[connection.socket.fileno()] = port, connection
        self._poll.register(connection.socket, select.EPOLLIN)
        return connection

    def _drop(self, port: int, connection: Connection) -> None:
        if connection in self._idle[port]:
            self._idle[port].remove(connection)
        self._poll.unregister(connection.socket)
        del self._all[connection.socket.fileno()]
        connection.socket.close()


if __name__ == "__main__":
    caller = Caller(Steady(**json.loads(sys.argv[1])))
    signal.signal(signal.SIGTERM, caller.stop)
    print(json.dumps(asdict(caller.run())))
