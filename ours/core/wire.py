"""Reads the bytes of a JSON body exactly as they were meant, or says in one sentence why they can't be read."""

import json
from typing import Any

import orjson

from ours.errors import OursError

MOST_CONTAINERS = 100_000
MOST_VALUES = 500_000
_LONG = b"0" * 19  # 2^64 has 20 digits and -2^63 has 19: what is shorter, orjson reads exactly
_DIGITS_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")


class Unreadable(OursError):
    """The body is not JSON that we take; the message says why, and never repeats what was sent."""

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
    if rb"\u0000" in body and _has_nul(value):
        raise Unreadable("The body holds the character NUL (\\u0000), which can't be stored. Remove it.")
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
    try:
        body.decode()
    except UnicodeDecodeError as wrong:
        return f"The body is not valid UTF-8 at byte {wrong.start}."
    return f"The body is not valid JSON at line {error.lineno}, column {error.colno}: {error.msg}."


def _read_exactly(body: bytes) -> Any:
    """What orjson has already found sound, read again for its long whole numbers."""
    try:
        return json.loads(body.decode())
    except RecursionError:
        raise Unreadable("The body is nested too deeply.") from None


def _has_nul(value: Any) -> bool:
    """Whether any text in ``value``, keys too, holds NUL. Walks without recursion, however deep it goes."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text if "\0" in text:
                return True
            case dict() as pairs:
                waiting += [*pairs.keys(), *pairs.values()]
            case list() as items:
                waiting += items
    return False
