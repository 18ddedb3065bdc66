"""Waits for the bodies of requests, so that a sender who is slow or silent keeps nobody else waiting.

granian hands a body over while it still arrives, and takes it back when its thread returns. To read it holds that
thread until all is there, for as long as the sender likes: there is no time-out, and nothing but the end of the
connection ends the reading. So granian may have many threads, of which as many work as there are for that; the others
rest, and one comes back for each that a body keeps. A body that takes too long is answered 408, and a connection whose
sender takes no notice of that is cut. Why it is so is said in ``docs/adr/0019``.
"""

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

import orjson

from ours import processes
from ours.errors import Busy
from ours.web import request_id
from ours.web.body import Body, Late
from ours.web.cutting import Connections
from ours.web.ingest import telling
from ours.web.ingest.answers import HEADERS, Refusal
from ours.web.later import Run

MOST_WAITING = 256
"""Bodies that may be waited for at once."""
SECONDS = 30
"""Within which a body must have arrived; less when very many are waited for."""
_HURRIED_SECONDS = 5
_ANSWER_SECONDS = 30  # the longest that an answer takes
_MOMENT = 0.01  # a body that is there takes less
_MOST_HELD = 64 * 1024 * 1024
_FULL_SECONDS = 10  # for so long a connection may be silent when there is no room for another

Environ = dict[str, Any]


class Arriving:
    """Has ``run`` called with a ``Body`` to read from, of at most the ``largest`` that any address takes.

    ``threads``, 2 or more, work; granian may have ``MOST_WAITING`` more, and has these ``connections``.
    """

    def __init__(
        self, run: Run, *, threads: int, largest: int, connections: Connections, seconds: float = SECONDS
    ) -> None:
        self._run, self._threads, self.largest = run, threads, largest
        self._connections, self._seconds = connections, seconds
        self._here = threading.local()  # has a seat in every thread that was seen before
        self._working = self._resting = 0
        self._extra = 0  # how many more than ``threads`` may work, for bodies keep so many
        self._all_wait = threading.Event()  # there may be no thread left for others
        self._calls: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._since: dict[Any, float] = {}  # since when each body is waited for, by what its answer is given to
        self._late: set[Any] = set()  # those that were answered 408 and still keep a thread
        self._held = 0
        self._lock = threading.Lock()
        for task in (self._relieve, self._watch):
            processes.lasting(task, f"ours-arriving{task.__name__}")

    def __call__(self, given: Any, environ: Environ) -> None:
        if not hasattr(self._here, "seat"):
            self._here.seat = _Seat(self._count, first=not self._working)
        if _has_body(environ):
            self._with_body(given, environ)
        else:
            self._run(given, environ)
        if self._working > self._threads + self._extra and not self._here.seat.first:
            self._rest()

    def _with_body(self, given: Any, environ: Environ) -> None:
        named = given, request_id.of(environ)
        environ["wsgi.input"] = body = Body(environ["wsgi.input"], _length(environ), named, self)
        try:
            self._run(_Answering(given, body), environ)
        except Late:
            return
        if body.asked_for or "HTTP_EXPECT" not in environ:
            body.drop(self._seconds)

    @property
    def crowded(self) -> bool:
        return len(self._since) > self._threads

    def begin(self, given: Any, since: float) -> None:
        self._since[given] = since
        # More is not done here, for under load all threads often wait for an instant.
        if len(self._since) + len(self._late) >= self._threads and not self._all_wait.is_set():
            self._all_wait.set()

    def end(self, given: Any) -> bool:
        in_time = self._since.pop(given, None) is not None
        self._late.discard(given)
        return in_time

    def hold(self, size: int) -> None:
        with self._lock:
            self._held += size
            full = self._held > _MOST_HELD
        if full and size > 0:
            raise Busy("Too many large bodies are arriving at once.")

    def _relieve(self) -> None:
        """Have others work instead of the threads that bodies keep, for as long as there are such."""
        while True:
            self._all_wait.wait()
            self._all_wait.clear()
            time.sleep(_MOMENT)
            self._let_work(self._kept())
            while self._extra:
                time.sleep(_MOMENT)
                self._let_work(self._kept())

    def _kept(self) -> int:
        """How many threads bodies have kept for more than a moment."""
        due = time.monotonic() - _MOMENT
        return sum(since < due for since in [*self._since.values()]) + len(self._late)

    def _let_work(self, extra: int) -> None:
        """Let so many more work, and call those that rest. What does not rest yet, granian starts by itself."""
        with self._lock:
            self._extra = min(extra, MOST_WAITING)
            called = max(0, min(self._resting, self._threads + self._extra - self._working))
            self._working += called
            self._resting -= called
        for _ in range(called):
            self._calls.put(None)

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

    def _watch(self) -> None:
        while True:
            time.sleep(min(1, self._seconds))
            hurried = len(self._since) + len(self._late) > MOST_WAITING / 2
            patience = min(_HURRIED_SECONDS, self._seconds) if hurried else self._seconds
            due = time.monotonic() - patience
            for given, since in [*self._since.items()]:
                if since < due:
                    self._tell_late(given)
            if self._late and hurried:
                self._connections.cut_silent(patience)
            elif self._connections.full:
                self._connections.cut_silent(_FULL_SECONDS)
            elif self._late:
                self._connections.cut_silent(max(patience + _ANSWER_SECONDS, self._connections.resting))

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


_CLOSE = "Connection", "close"
_TOO_LATE = Refusal(
    "request_timeout", "The body did not arrive in time. Send it again, at once.", headers=dict([_CLOSE])
)


class _Answering:
    """Stands before granian's object for an answer. One that is given before the body was read ends the connection.

    HAProxy (2.6) gives up a body that its caller gave up, and uses the connection again all the same: what it sends
    next, for somebody else, would be taken for the rest of that body.
    """

    __slots__ = ("_answer", "_body")

    def __init__(self, answer: Any, body: Body) -> None:
        self._answer, self._body = answer, body

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self._answer.response_bytes(status, self._with_end(headers), body)

    def response_iter(self, status: int, headers: list[tuple[str, str]], parts: Any) -> None:
        self._answer.response_iter(status, self._with_end(headers), parts)

    def _with_end(self, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        return [*headers, _CLOSE] if self._body.unread else headers


def _has_body(environ: Environ) -> bool:
    return environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ


def _length(environ: Environ) -> int | None:
    """The length that was announced."""
    said = environ.get("CONTENT_LENGTH", "")
    return int(said[:16]) if said.isdecimal() and "HTTP_TRANSFER_ENCODING" not in environ else None


def _refuse(named: tuple[Any, str], refusal: Refusal) -> None:
    given, name = named
    telling.refused(refusal, name)
    body = orjson.dumps(refusal.said())
    headers = [
        *HEADERS,
        *(refusal.headers or {}).items(),
        (request_id.HEADER, name),
        ("Content-Length", str(len(body))),
    ]
    given.response_bytes(refusal.status, headers, body)
