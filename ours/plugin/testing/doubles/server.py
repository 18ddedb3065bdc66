"""The part that all doubles share: a real HTTP server on the loopback, and answers that a test may lay in its way."""

import gzip
import json
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from requests.structures import CaseInsensitiveDict


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came. ``headers`` by their names in any case; ``json`` is the body's, or None when it is none."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    json: Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back. A ``body`` that is no bytes is sent as JSON."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Double:
    """Subclass it, write ``answer``, and use it: ``with MetaDouble() as vendor: … vendor.url … vendor.kept``.

    ``then(Answer(429), …)`` lays answers in its way: they are given once each, before its own again.

    ``came`` and ``took`` count requests and what was kept. One that is not to ``remember`` only counts: it may run for
    days.
    """

    def __init__(self, port: int = 0) -> None:
        self.remember = True
        self.came, self.took = 0, 0
        self.calls: list[Call] = []
        self.kept: list[Any] = []
        self._laid: deque[Answer] = deque()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="double", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def settings(self) -> Mapping[str, str]:
        """The settings with which a destination reaches it and is let in."""
        return {"endpoint": self.url}

    def answer(self, call: Call) -> Answer:
        """What the vendor would answer."""
        raise NotImplementedError

    def then(self, *answers: Answer) -> None:
        self._laid.extend(answers)

    def take(self, call: Call) -> Answer:
        """One request at a time, as they come."""
        with self._lock:
            before = len(self.kept)
            self.came += 1
            self.calls.append(call)
            answer = self._laid.popleft() if self._laid else self.answer(call)
            self.took += len(self.kept) - before
            if not self.remember:
                self.calls.clear()
                self.kept.clear()
            return answer

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(double: Double) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            plain = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            headers = CaseInsensitiveDict(self.headers.items())
            call = Call(self.command, parts.path, dict(parse_qsl(parts.query)), headers, plain, _json(plain))
            self._reply(double.take(call))

        def _reply(self, answer: Answer) -> None:
            raw = isinstance(answer.body, bytes)
            body = answer.body if raw else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            kind = {} if raw else {"Content-Type": "application/json"}
            for name, value in {**kind, **answer.headers}.items():
                self.send_header(name, value)
            if answer.status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body if answer.status != 204 else b"")

        do_GET = do_POST = do_PUT = _serve  # noqa: N815 - the names that http.server looks for

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Tests are quiet."""

    return Handler


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
