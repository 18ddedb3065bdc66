"""Lets an answer be given after the thread that took the request has gone on to other work.

A WSGI application answers by returning, so that an answer which waits for the disk holds a thread, and the threads of
many such answers then take the interpreter from each other. granian's own object for an answer may be used at any time
and from any thread: here the application gets at it, through the environment. Under another server there is none, and
the application waits. Measured in ``docs/profiles.md``.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import granian.server.mp
from granian.wsgi import _callback_wrapper as wrap

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

KEY = "ours.later"
"""Where the environment of a request has its ``Later``."""
Give = Callable[[int, list[tuple[str, str]], bytes], None]


class Later:
    """Stands before granian's object for an answer, and takes no notice of one that was postponed."""

    __slots__ = ("_answer", "_postponed")

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self._postponed = False

    def postpone(self) -> Give:
        """How to give the answer: its status, its headers, its body. What the application returns is not sent."""
        self._postponed = True
        give: Give = self._answer.response_bytes
        return give

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """What the application returned, in one piece."""
        if not self._postponed:
            self._answer.response_bytes(status, headers, body)

    def response_iter(self, status: int, headers: list[tuple[str, str]], parts: Any) -> None:
        """What the application returned, piece by piece."""
        if not self._postponed:
            self._answer.response_iter(status, headers, parts)


Run = Callable[[Any, dict[str, Any]], Any]
"""What granian calls in one of its threads: with its object for an answer, and the environment."""


def allow(around: Callable[[Run], Run]) -> None:
    """Let the application that granian is about to serve in this process postpone its answers.

    granian calls what ``around`` makes of it.
    """
    vars(granian.server.mp)["_wsgi_call_wrap"] = lambda *given: around(_wrap(*given))  # it has no door for this


@contextmanager
def _bare() -> Iterator[None]:
    """granian copies this process's environment into that of each request: our secret keys, and variables that begin
    with ``HTTP_`` as headers that nobody sent."""
    environment = os.environ  # noqa: TID251 - it is not read
    kept = dict(environment)
    environment.clear()
    try:
        yield
    finally:
        environment.update(kept)


def _wrap(application: "WSGIApplication", *options: Any) -> Run:
    with _bare():
        run = wrap(application, *options)

    def answer(given: Any, environ: dict[str, Any]) -> Any:
        environ[KEY] = later = Later(given)
        return run(later, environ)

    return answer
