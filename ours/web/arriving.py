"""Waits for the bodies of requests, so that a sender who is slow or silent keeps nobody else waiting.

granian hands a body over while it still arrives, and takes it back when its thread returns. To read it holds that
thread until all is there, for as long as the sender likes: there is no time-out, and nothing but the end of the
connection ends the reading. So granian may have many threads, of which as many work as there are for that; the others
rest, and one comes back for each that a body keeps. A body that takes too long is answered 408, and a connection whose
sender takes no notice of that is cut. Why it is so is said in ``docs/adr/0019``.
"""

import io
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

import orjson

from ours.errors import Busy
from ours.web.cutting import cut_silent
from ours.web.ingest.answers import HEADERS, Refusal, unavailable
from ours.web.later import Run

MOST_WAITING = 256
"""Bodies that may be waited for at once."""
SECONDS = 30
"""Within which a body must have arrived; less when very many are waited for."""
_HURRIED_SECONDS = 5
_ANSWER_SECONDS = 30  # the longest that an answer takes
_PAUSES = (0.0005, 0.002, 0.008, 0.03)
_PIECE = 64 * 1024
_MOST_HELD = 64 * 1024 * 1024
_MOST_DROPPED = 32 * 1024 * 1024

Environ = dict[str, Any]


class Arriving:
    """Has ``run`` called with a body that is there: all of it, or more than the ``largest`` that any address takes.

    ``threads``, 2 or more, work; granian may have ``MOST_WAITING`` more. It listens at ``port``.
    """

    def __init__(self, run: Run, *, threads: int, largest: int, port: int, seconds: float = SECONDS) -> None:
        self._run, self._threads, self._largest = run, threads, largest
        self._port, self._seconds = port, seconds
        self._here = threading.local()  # has a seat in every thread that was seen before
        self._working = self._resting = 0
        self._extra = 0  # how many more than ``threads`` may work, for bodies keep so many
        self._reading: set[int] = set()
        self._calls: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._since: dict[Any, float] = {}  # when each body began to be waited for, by the object for its answer
        self._late: set[Any] = set()  # those that were answered 408 and still keep a thread
        self._held = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._watch, name="ours-arriving", daemon=True).start()

    def __call__(self, given: Any, environ: Environ) -> None:
        if not hasattr(self._here, "seat"):
            self._here.seat = _Seat(self._count, first=not self._working)
        if _has_body(environ):
            self._with_body(threading.get_ident(), given, environ)
        else:
            self._run(given, environ)
        if self._working > self._threads + self._extra and not self._here.seat.first:
            self._rest()

    def _with_body(self, me: int, given: Any, environ: Environ) -> None:
        source, length = environ["wsgi.input"], _length(environ)
        if length is not None and length > self._largest:
            data, ended = b"", False
        else:
            self._begin(me, given)
            try:
                data, ended = self._read(source, length)
            except Busy as problem:
                _refuse(given, unavailable(problem))
                return
            finally:
                in_time = self._end(me, given)
            if not in_time:
                return
        environ["wsgi.input"] = io.BytesIO(data)
        self._run(given, environ)
        # A sender who is told early that it is too much must be able to go on writing, or never reads that.
        if not ended and "HTTP_EXPECT" not in environ:
            self._begin(me, given)
            try:
                self._drop(source)
            finally:
                self._end(me, given)

    def _begin(self, me: int, given: Any) -> None:
        """From here on a body may keep this thread. The last one that is free sees to it that there are others."""
        self._reading.add(me)
        if len(self._reading) >= self._threads + self._extra and (self._extra or not self._one_comes_back(me)):
            self._call()
        self._since[given] = time.monotonic()

    def _end(self, me: int, given: Any) -> bool:
        """Whether the sender has not been told that it took too long."""
        in_time = self._since.pop(given, None) is not None
        self._late.discard(given)
        self._reading.discard(me)
        if self._extra:
            with self._lock:
                self._extra = min(self._extra, len(self._reading))
        return in_time

    def _one_comes_back(self, me: int) -> bool:
        """Whether another thread is free after a moment: where all have work, none is reading for long."""
        for pause in _PAUSES:
            self._reading.discard(me)
            time.sleep(pause)
            self._reading.add(me)
            if len(self._reading) < self._threads:
                return True
        return False

    def _count(self, more: int) -> None:
        with self._lock:
            self._working += more

    def _rest(self) -> None:
        with self._lock:
            if self._working <= self._threads + self._extra:
                return
            self._working -= 1
            self._resting += 1
        self._calls.get()

    def _call(self) -> None:
        """Have others work instead of those that are kept. What does not rest yet, granian starts by itself."""
        with self._lock:
            self._extra = min(len(self._reading), MOST_WAITING)
            called = max(0, min(self._resting, self._threads + self._extra - self._working))
            self._working += called
            self._resting -= called
        for _ in range(called):
            self._calls.put(None)

    def _read(self, source: Any, length: int | None) -> tuple[bytes, bool]:
        """The body, and whether that is all of it.

        :raises Busy: when many are waited for, and hold too much memory together.
        """
        if length is None or self._extra:
            return self._by_pieces(source, length)
        # In as few calls as there can be: under load, after each the interpreter must be won back.
        data: bytes = source.read(length)
        while len(data) < length:
            more = source.read(length - len(data))
            if not more:
                break
            data += more
        return data, True

    def _by_pieces(self, source: Any, length: int | None) -> tuple[bytes, bool]:
        most = self._largest + 1 if length is None else length
        data = bytearray()
        try:
            while len(data) < most:
                more = source.read(min(_PIECE, most - len(data)))
                if not more:
                    return bytes(data), True
                data += more
                self._hold(len(more))
            return bytes(data), length is not None
        finally:
            self._hold(-len(data))

    def _hold(self, size: int) -> None:
        with self._lock:
            self._held += size
            full = self._held > _MOST_HELD
        if full and size > 0:
            raise Busy("Too many large bodies are arriving at once.")

    def _drop(self, source: Any) -> None:
        """Read on for as long as a body may take, and keep nothing."""
        ends = time.monotonic() + self._seconds
        left = max(_MOST_DROPPED, 4 * self._largest)
        while left > 0 and time.monotonic() < ends:
            dropped = len(source.read(_PIECE))
            if not dropped:
                break
            left -= dropped

    def _watch(self) -> None:
        while True:
            time.sleep(min(1, self._seconds))
            hurried = len(self._reading) > MOST_WAITING / 2
            patience = min(_HURRIED_SECONDS, self._seconds) if hurried else self._seconds
            due = time.monotonic() - patience
            for given, since in [*self._since.items()]:
                if since < due:
                    self._tell_late(given)
            if self._late:
                cut_silent(self._port, patience if hurried else patience + _ANSWER_SECONDS)

    def _tell_late(self, given: Any) -> None:
        self._late.add(given)
        if self._since.pop(given, None) is None:  # it has just arrived
            self._late.discard(given)
        else:
            _refuse(given, _TOO_LATE)


class _Seat:
    """Counts the thread whose it is as long as that lives: granian ends those that had nothing to do for a while.

    The first one it does not end, so that somebody is there for what comes meanwhile: it never rests, either.
    """

    def __init__(self, count: Callable[[int], None], *, first: bool) -> None:
        self._count, self.first = count, first
        count(1)

    def __del__(self) -> None:
        self._count(-1)


_TOO_LATE = Refusal(
    "request_timeout", "The body did not arrive in time. Send it again, at once.", headers={"Connection": "close"}
)


def _has_body(environ: Environ) -> bool:
    return environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ


def _length(environ: Environ) -> int | None:
    """The length that was announced."""
    said = environ.get("CONTENT_LENGTH", "")
    return int(said[:16]) if said.isdecimal() and "HTTP_TRANSFER_ENCODING" not in environ else None


def _refuse(given: Any, refusal: Refusal) -> None:
    body = orjson.dumps(refusal.said())
    headers = [*HEADERS, *(refusal.headers or {}).items(), ("Content-Length", str(len(body)))]
    given.response_bytes(refusal.status, headers, body)
