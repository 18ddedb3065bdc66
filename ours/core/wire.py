"""Reads the bytes of a JSON body exactly as they were meant, or says in one sentence why they can't be read."""

import codecs
import json
from typing import Any

import orjson

from ours.errors import OursError

MOST_CONTAINERS = 100_000
MOST_VALUES = 500_000
_LONGEST_PATH = 200
_GZIP = b"\x1f\x8b"
_NO_NUMBERS = ("NaN", "Infinity")  # what Python's json writes all the same
_LONG = b"0" * 19  # 2^64 has 20 digits and -2^63 has 19: what is shorter, orjson reads exactly
_DIGITS_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")


class Unreadable(OursError):
    """The body is not JSON that we take; the message says why, and repeats no value that was sent."""

    code = "invalid_json"


def read(body: bytes) -> Any:
    """The value of ``body``. Whole numbers are exact whatever their length; of a repeated key the last one counts.

    :raises Unreadable: for what is not JSON, invalid UTF-8, lone surrogates, NUL, NaN, Infinity, nesting beyond 1,024
        levels, numbers beyond 1.8e308, and bodies of so many small parts that they would become many times their size.
    """
    _check_parts(body)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Unreadable(_sentence(body, error)) from None
    if _LONG in body.translate(_DIGITS_AS_ZEROS):
        value = None  # frees the first reading before the second
        value = _read_exactly(body)
    if rb"\u0000" in body and (where := _nul(value)) is not None:
        raise Unreadable(f"The body holds the character NUL (\\u0000) {where}, which can't be stored. Remove it.")
    return value


def _check_parts(body: bytes) -> None:
    """Counts before anything is made of them; brackets and commas inside text count, too, which hurts nobody real."""
    if body.count(b"{") + body.count(b"[") > MOST_CONTAINERS or body.count(b",") > MOST_VALUES:
        raise Unreadable(
            f"The body holds more than {MOST_CONTAINERS:,} objects and lists, or more than {MOST_VALUES:,} values."
            " Send it in parts."
        )


def _sentence(body: bytes, error: orjson.JSONDecodeError) -> str:
    if not body.strip():
        return "The body is empty. Send a JSON object."
    if body.startswith(_GZIP):
        return "The body looks like gzip. Say so: Content-Encoding: gzip."
    if body.startswith(codecs.BOM_UTF8):
        return "The body begins with a byte order mark (BOM). Send it without."
    if b"\0" in body[:2] or body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "The body looks like UTF-16. Send it in UTF-8."
    try:
        text = body.decode()
    except UnicodeDecodeError as wrong:
        return f"The body is not valid UTF-8 at byte {wrong.start}. Send it in UTF-8, whatever its Content-Type says."
    word = next((word for word in _NO_NUMBERS if text.startswith(word, error.pos)), None)
    reason = f"{word} is no number of JSON. Send null, or leave it out" if word else error.msg
    return f"The body is not valid JSON at line {error.lineno}, column {error.colno}: {reason}."


def _read_exactly(body: bytes) -> Any:
    """What orjson has already found sound, read again for its long whole numbers."""
    try:
        return json.loads(body.decode())
    except RecursionError:
        raise Unreadable("The body is nested too deeply.") from None


def _nul(value: Any) -> str | None:
    """Where the first NUL stands, in a text or a key: ``in events.7.event``. Walks without recursion, however deep."""
    waiting: list[tuple[Any, _Path]] = [(value, None)]
    while waiting:
        part, path = waiting.pop()
        match part:
            case str() as text if "\0" in text:
                return f"in {_written(path)}"
            case dict() as pairs:
                if any("\0" in key for key in pairs):
                    return f"in a name inside {_written(path)}"
                waiting += [(item, (path, key)) for key, item in reversed(pairs.items())]
            case list() as items:
                waiting += [(item, (path, index)) for index, item in reversed([*enumerate(items)])]
    return None


_Path = tuple[Any, str | int] | None
"""The path of what holds a part, and the part's name or number in it."""


def _written(path: _Path) -> str:
    names: list[str] = []
    while path:
        path, name = path
        names.append(str(name))
    return ".".join(reversed(names))[:_LONGEST_PATH] or "itself"
