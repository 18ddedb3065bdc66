"""A pooler between us and PostgreSQL, as PgBouncer is one: it lets everybody in, and lends them sessions."""

import socket
import struct
import threading
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field

_ASKS_FOR_TLS = 80877103, 80877104
_NUMBER = struct.pack("!cIII", b"K", 12, 7, 7)
"""The number of the session and its secret, made up: the pooler doesn't know yet which session it will lend."""

_SET = struct.pack("!cI4s", b"C", 8, b"SET\0")


@dataclass
class Pooler:
    """``by``: ``"transaction"`` lends the one session that there is anew for each, ``"session"`` one for as long as
    somebody is connected, ``"none"`` has none left, ``"lost"`` loses its own after the first word. ``server``: the
    path of PostgreSQL's socket."""

    server: str
    by: str
    port: int = 0
    _shared: "_Session | None" = None
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _open: list[socket.socket] = field(default_factory=list)

    def __enter__(self) -> "Pooler":
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self._open.append(listener)
        threading.Thread(target=self._let_in, args=(listener,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _let_in(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                self._open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, struct.error):
            hello = _hello(client)
            with self._turn:
                session = self._session(hello)
            client.sendall(session.greeting)
            while (asked := _message(client))[:1] != b"X":
                if self.by == "lost":
                    client.sendall(_SET)
                elif self.by != "none":
                    with self._turn if self.by == "transaction" else nullcontext():
                        session.lend(client, asked)

    def _session(self, hello: bytes) -> "_Session":
        if self._shared is None or self.by == "session":
            self._shared = _Session(self.server, hello)
            self._open.append(self._shared.line)
        return self._shared


class _Session:
    def __init__(self, server: str, hello: bytes) -> None:
        self.line = socket.socket(socket.AF_UNIX)
        self.line.connect(server)
        self.line.sendall(hello)
        self.greeting, kind = b"", b""
        while kind != b"Z":
            message = _message(self.line)
            kind = message[:1]
            self.greeting += _NUMBER if kind == b"K" else message

    def lend(self, client: socket.socket, asked: bytes) -> None:
        """For one transaction, which begins with what is ``asked``."""
        self.line.sendall(asked)
        while asked[:1] not in b"QS" or not self._answer(client):
            asked = _message(client)
            self.line.sendall(asked)

    def _answer(self, client: socket.socket) -> bool:
        """Whether the transaction is over."""
        while True:
            message = _message(self.line)
            client.sendall(message)
            if message[:1] == b"Z":
                return message[-1:] == b"I"


def _hello(client: socket.socket) -> bytes:
    while True:
        head = client.recv(8, socket.MSG_WAITALL)
        length, code = struct.unpack("!II", head)
        if code not in _ASKS_FOR_TLS:
            return head + client.recv(length - 8, socket.MSG_WAITALL)
        client.sendall(b"N")


def _message(line: socket.socket) -> bytes:
    head = line.recv(5, socket.MSG_WAITALL)
    (length,) = struct.unpack("!I", head[1:])
    return head + (line.recv(length - 4, socket.MSG_WAITALL) if length > 4 else b"")
