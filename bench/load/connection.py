"""A keep-alive connection that never blocks: sends a request, and knows when its answer is whole."""

import re
import socket

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNK = 65_536


class Connection:
    """One request at a time, over one socket."""

    __slots__ = ("_answer", "_unsent", "begun", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self._answer = b""
        self._unsent = memoryview(b"")
        self.begun = 0.0

    def begin(self, request: bytes, now: float) -> bool:
        """Send; whether all of it left at once."""
        self._answer, self._unsent, self.begun = b"", memoryview(request), now
        return self.send()

    def send(self) -> bool:
        try:
            self._unsent = self._unsent[self.socket.send(self._unsent) :]
        except BlockingIOError:
            return False
        return not self._unsent

    def receive(self) -> bytes | None:
        """The status of the answer; None while it is not whole, empty when the server hung up."""
        data = self.socket.recv(_CHUNK)
        if not data:
            return b""
        self._answer = answer = self._answer + data if self._answer else data
        head = answer.find(b"\r\n\r\n")
        if head < 0:
            return None
        length = _LENGTH.search(answer, 0, head)
        if length is None:
            raise ValueError(f"an answer without Content-Length: {answer[:200]!r}")
        return answer[9:12] if len(answer) >= head + 4 + int(length[1]) else None
