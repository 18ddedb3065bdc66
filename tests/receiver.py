"""A real HTTP/1.1 receiver on the loopback for tests: records every request, and answers, dawdles or breaks as told."""

import contextlib
import socket
import socketserver
import ssl
import struct
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

from requests.structures import CaseInsensitiveDict

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of zero: close() sends RST


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came. ``connection`` counts from 1; ``raw`` is every byte of it."""

    method: str
    path: str
    headers: CaseInsensitiveDict[str]
    body: bytes
    raw: bytes
    connection: int
    at: float


@dataclass(slots=True)
class Script:
    """How to answer. Of those that fit, one with ``times`` left goes first, then one for the path, then the rest."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    path: str | None = None
    """Only for requests to this path (without the query)."""
    times: int | None = None
    """For so many requests; None: until told otherwise."""
    delay: float = 0.0
    """Seconds before the answer begins."""
    pause: float = 0.0
    """Seconds before each byte of the body."""
    hang: bool = False
    """Never answer."""
    reset: bool = False
    """Break the connection instead of answering."""
    cut: int | None = None
    """Break the connection after so many bytes of the body."""
    drop: bool = False
    """Close the connection after the answer, without having said so."""
    raw: bytes | None = None
    """Send exactly this instead of an answer, then close."""

    def rank(self) -> tuple[bool, bool]:
        return self.times is None, self.times is None and self.path is None

    @property
    def head(self) -> bytes:
        phrase = HTTPStatus(self.status).phrase if self.status in set(HTTPStatus) else ""
        lines = [f"HTTP/1.1 {self.status} {phrase}".rstrip()]
        if not {"Content-Length", "Transfer-Encoding"} & set(self.headers) and self.status not in {204, 304}:
            lines.append(f"Content-Length: {len(self.body)}")
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


class Receiver(socketserver.ThreadingTCPServer):
    """``with Receiver() as receiver: receiver.answer(503, times=2); … receiver.url … receiver.requests``."""

    allow_reuse_address = True
    request_queue_size = 512

    def __init__(self, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, 0), _Handler)
        shown = f"[{host}]" if ":" in host else host
        self.port: int = self.server_address[1]
        self.url = f"{'https' if tls else 'http'}://{shown}:{self.port}"
        self.tls = tls
        self.requests: list[Received] = []
        self.connections = 0
        self.closing = threading.Event()
        self._news = threading.Condition()
        self._scripts: list[Script] = [Script()]
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name="receiver")

    def answer(self, status: int = 200, **how: Any) -> None:
        """Answer so from now on; with ``times``, so often, in the order told. ``how`` is as in ``Script``."""
        script = Script(status, **how)
        with self._news:
            if script.times is None:
                self._scripts = [one for one in self._scripts if one.times is not None or one.path != script.path]
            self._scripts.append(script)

    def wait_for(self, count: int, timeout: float = 5.0) -> list[Received]:
        """The requests so far, as soon as there are ``count`` of them; an AssertionError when they don't come."""
        with self._news:
            came = self._news.wait_for(lambda: len(self.requests) >= count, timeout)
            assert came, f"Only {len(self.requests)} of {count} requests came within {timeout} s."
            return list(self.requests)

    def record(self, received: Received) -> Script:
        """Keep the request; how to answer it."""
        path = received.path.partition("?")[0]
        with self._news:
            self.requests.append(received)
            self._news.notify_all()
            script = min((one for one in self._scripts if one.path in {None, path}), key=Script.rank)
            if script.times is not None:
                script.times -= 1
                self._scripts = [one for one in self._scripts if one.times != 0]
            return script

    def enter(self, connection: socket.socket) -> int:
        """Count a connection, so as to break it when the receiver closes."""
        with self._news:
            self._open.add(connection)
            self.connections += 1
            return self.connections

    def leave(self, connection: socket.socket) -> None:
        with self._news:
            self._open.discard(connection)

    def close(self) -> None:
        """Take no more connections, break those there are, and end every thread."""
        self.closing.set()
        self.shutdown()
        self._thread.join()
        with self._news:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The other side went away, or would not have our certificate: tests are about that, so it is no news."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class _Handler(socketserver.StreamRequestHandler):
    server: Receiver
    disable_nagle_algorithm = True
    timeout = 30

    def setup(self) -> None:
        if self.server.tls:
            self.request.settimeout(self.timeout)
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()
        self._number = self.server.enter(self.request)

    def handle(self) -> None:
        goes_on = not self.server.closing.is_set()
        while goes_on and (received := self._read()):
            goes_on = self._answer(received, self.server.record(received))

    def finish(self) -> None:
        super().finish()
        self.server.leave(self.request)
        self.request.close()

    def _read(self) -> Received | None:
        """The next request; None when the other side has closed."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return None
            head += line
        first, *lines = head.decode("latin-1").strip().split("\r\n")
        parted = (line.partition(":") for line in lines)
        headers = CaseInsensitiveDict({name: value.strip() for name, _, value in parted})
        if "Expect" in headers:
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self.rfile.read(int(headers.get("Content-Length", 0)))
        method, path, _ = first.split(" ")
        return Received(method, path, headers, body, head + body, self._number, time.monotonic())

    def _answer(self, received: Received, script: Script) -> bool:
        """Do as told; whether the connection goes on."""
        if self.server.closing.wait(None if script.hang else script.delay) or script.reset:
            return self._reset()
        if script.raw is not None:
            self.wfile.write(script.raw)
            return False
        body = b"" if received.method == "HEAD" else script.body[: script.cut]
        if script.pause:
            self._dribble(script.head, body, script.pause)
        else:
            self.wfile.write(script.head + body)
        if script.cut is not None:
            return self._reset()
        return not script.drop and "close" not in (received.headers.get("Connection"), script.headers.get("Connection"))

    def _dribble(self, head: bytes, body: bytes, pause: float) -> None:
        self.wfile.write(head)
        for byte in body:
            if self.server.closing.wait(pause):
                return
            self.wfile.write(bytes([byte]))

    def _reset(self) -> bool:
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.request.close()
        return False
