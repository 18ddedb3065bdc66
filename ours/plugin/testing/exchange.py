"""Looks into requests, answers and outcomes on the contract's behalf."""

import io
import json
import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, NoReturn

from requests import PreparedRequest, Request, Response

from ours.plugin.testing.watching import running
from ours.plugin.types import Delivered, Duplicate, Outcome, Rejected, Retry, Skipped

ODD_HEADERS = {
    "Retry-After": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
    "Content-Type": "application/json; charset=x",
}
MASKS = ("••••", "\\u2022\\u2022", "%E2%80%A2%E2%80%A2")
STATUSES = [100, *range(200, 209), *range(300, 309), *range(400, 432), 451, 477, *range(500, 512), 599]
BODIES = [
    b"", b" ", b"null", b"true", b"[]", b"{}", b"[[]]", b"5", b"1e999", b"NaN", b'"text"', b'{"error": null}',
    b'{"error": []}', b'{"error": "text"}', b'{"error": {"code": {}}}', b'{"errors": 5}', b'{"errors": [null]}',
    b'{"code": "0", "message": []}', b'{"data": [{}]}', b'{"cut": ', b"<html><body>Bad Gateway</body></html>",
    b"\xff\xfe\x00", b"\xef\xbb\xbf{}", b"[" * 5_000,
]  # fmt: skip
_MOST = 50_000_000
_TELLING = (200, 207, 400, 401, 409, 422, 429, 503)
_PLAIN = (b"", b"{}", b"<html><body>Bad Gateway</body></html>")
ANSWERS = [*((status, body) for status in STATUSES for body in _PLAIN),
           *((status, body) for status in _TELLING for body in BODIES if body not in _PLAIN)]  # fmt: skip
"""Every status with a plain body, and every body with the statuses that vendors give it: not all of the product."""


def expect(fine: bool, otherwise: str) -> None:
    if not fine:
        raise AssertionError(otherwise)


def answer(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Response:
    response = Response()
    response.status_code, response.raw = status, io.BytesIO(body)
    response.headers.update(headers or {})
    return response


def prepared(request: Request) -> PreparedRequest:
    """The request as it is sent, but for ``auth``, which may look at the clock to sign."""
    plain = vars(request) | {"auth": None}
    expect(bool(request.method), f"{running() or 'build'} returned a request without a method, such as POST.")
    try:
        return Request(**plain).prepare()
    except Exception as error:
        wrong = no_json(request.json, "json") or error
        raise AssertionError(f"{running() or 'build'} returned a request that can't be sent: {wrong}.") from error


def no_json(value: Any, place: str, around: tuple[Any, ...] = ()) -> str | None:
    """``'json["value"] is nan, …'``: the first part of ``value`` that JSON can't carry, and where it lies."""
    match value:
        case float() if not math.isfinite(value):
            return f"{place} is {value}, which JSON has no word for"
        case None | str() | int() | float():
            return None
        case dict() | list() | tuple() if any(value is one for one in around):
            return f"{place} holds itself"
        case dict():
            parts = [(part, f"{place}[{json.dumps(str(name))}]") for name, part in value.items()]
        case list() | tuple():
            parts = [(part, f"{place}[{number}]") for number, part in enumerate(value)]
        case _:
            return f"{place} is {value!r}, which is no JSON"
    return next((wrong for part, inner in parts if (wrong := no_json(part, inner, (*around, value)))), None)


def text_of(built: Request | Rejected | Skipped) -> str:
    """All that a request says, to compare and to search."""
    if not isinstance(built, Request):
        return repr(built)
    ready = prepared(built)
    return f"{ready.method} {ready.url}\n{dict(ready.headers)}\n{_body(ready).decode(errors='replace')}"


def check_alike(first: Request | Rejected | Skipped, second: Request | Rejected | Skipped) -> None:
    """Two builds of one delivery; where they differ is told, for that is where to look."""
    one, other = (text_of(built).split("\n", 2) for built in (first, second))
    places = zip(("the address", "the headers", "the body"), one, other, strict=False)
    differ = [name for name, this, that in places if this != that]
    where = differ[-1] if differ else "what they are"  # the body tells more than its length among the headers
    expect(
        one == other,
        f"Two builds of the same delivery differ in {where}: keep nothing from one call to the next, and let nothing be"
        " drawn at random (files= does it).",
    )


def check_sendable(request: Request, *, over_http: bool = True) -> None:
    """A body of bytes that can be kept and sent again, JSON where it says so, and no header of two lines."""
    ready = prepared(request)
    scheme = str(ready.url).partition(":")[0]
    expect(scheme in {"http", "https"} or not over_http, f"A request can't go to {ready.url}.")
    for name, value in ready.headers.items():
        expect(
            "\n" not in f"{name}{value}" and "\r" not in f"{name}{value}", f"The header {name} has a line end in it."
        )
    if "json" in ready.headers.get("Content-Type", ""):
        json.loads(_body(ready), parse_constant=_no_constant)


def check_outcome(outcome: Outcome) -> None:
    """Codes and messages are texts, and a wait is a sensible number."""
    match outcome:
        case Delivered(note) | Duplicate(note):
            expect(isinstance(note, str), f"The note of {outcome!r} is no text.")
        case Skipped():
            _check_words(outcome, outcome.reason, outcome.message)
        case _:
            _check_words(outcome, outcome.code, outcome.message)
    after = outcome.after if isinstance(outcome, Retry) else None
    expect(after is None or (math.isfinite(after) and after >= 0), f"{outcome!r} asks for a wait that makes no sense.")


def _check_words(outcome: Outcome, code: str, message: str) -> None:
    expect(bool(code) and isinstance(code, str), f"{outcome!r} needs a code: a short machine word.")
    expect(isinstance(message, str), f"The message of {outcome!r} is no text.")


class Log(logging.Handler):
    """Everything that is logged or printed while it listens; nobody else hears it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    @contextmanager
    def listening(self) -> Iterator[None]:
        root, printed = logging.getLogger(), io.StringIO()
        level, handlers = root.level, root.handlers
        root.handlers = [self]
        root.setLevel(logging.DEBUG)
        try:
            with redirect_stdout(printed), redirect_stderr(printed):
                yield
        finally:
            self.lines.append(printed.getvalue())
            root.handlers = handlers
            root.setLevel(level)


def _body(ready: PreparedRequest) -> bytes:
    body = ready.body or b""
    expect(isinstance(body, str | bytes), "The body must be text or bytes: it is kept, and sent again at a retry.")
    size = f"The body has {len(body) // 1_000_000} MB, made of a few events: what is sent is kept with each try."
    expect(len(body) <= _MOST, size)
    return body.encode() if isinstance(body, str) else body


def _no_constant(name: str) -> NoReturn:
    raise AssertionError(f"The body has {name} in it, which is no JSON.")
