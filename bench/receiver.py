"""A receiver of webhooks in a process of its own: answers 200, counts, and can say when each event came.

`python -m bench.receiver TALLY [--moments]` prints its port. `GET /moments` answers `[[distinctId, seconds], …]` on the
monotonic clock, which all processes of a machine share.
"""

import json
import re
import select
import socket
import sys
import time

from bench.tally import Tally

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ID = re.compile(rb'"distinctId": ?"([^"]*)"')
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Receiver:
    def __init__(self, tally: Tally, *, keep_moments: bool = False) -> None:
        self._tally = tally
        self._keep = keep_moments
        self._moments: list[tuple[str, float]] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._open: dict[int, tuple[socket.socket, bytearray]] = {}
        self._poll = select.epoll()
        self._poll.register(self._listener, select.EPOLLIN)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def run(self) -> None:
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor == self._listener.fileno():
                    self._accept()
                else:
                    self._read(descriptor)

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open[connection.fileno()] = (connection, bytearray())
        self._poll.register(connection, select.EPOLLIN)

    def _read(self, descriptor: int) -> None:
        connection, waiting = self._open[descriptor]
        try:
            data = connection.recv(65_536)
            waiting += data
            while answer := self._take(waiting):
                connection.sendall(answer)
        except ConnectionError:
            data = b""
        if not data:
            self._poll.unregister(descriptor)
            del self._open[descriptor]
            connection.close()

    def _take(self, waiting: bytearray) -> bytes:
        """The answer to the request at the front, which is taken away; empty while it is not whole."""
        head = waiting.find(b"\r\n\r\n")
        if head < 0:
            return b""
        length = _LENGTH.search(waiting, 0, head)
        end = head + 4 + (int(length[1]) if length else 0)
        if len(waiting) < end:
            return b""
        answer = self._tell() if waiting.startswith(b"GET ") else self._count(waiting, head)
        del waiting[:end]
        return answer

    def _count(self, request: bytearray, head: int) -> bytes:
        if self._keep and (found := _ID.search(request, head)):
            self._moments.append((found[1].decode(), time.monotonic()))
        self._tally.count += 1
        return _OK

    def _tell(self) -> bytes:
        body = json.dumps(self._moments).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def main(path: str, *options: str) -> None:
    with Tally(path) as tally:
        receiver = Receiver(tally, keep_moments="--moments" in options)
        print(receiver.port, flush=True)
        receiver.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
