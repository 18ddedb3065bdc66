"""The rules for free-form properties: how many, how deep, how big, and what becomes of what can't be kept as sent."""

import math
from typing import Any

import orjson

from ours.core.notices import Notices
from ours.errors import Invalid

MOST_KEYS = 200
MOST_LEVELS = 5
MOST_ITEMS = 250
MOST_NESTING = 100
LARGEST_NUMBER = 2**53
UNITS = 1_048_576
_LONGEST_PATH = 200
AS_IT_IS = frozenset({str, float, bool, type(None)})


def read(raw: dict[str, Any], path: str, notices: Notices) -> dict[str, Any]:
    """``raw`` without "" keys, its lists cut to 250 entries, whole numbers beyond 2^53 as text; a warning for each.

    What needs no change is returned as it is, not copied.

    :raises Invalid: above 200 keys, 5 levels of objects (inside lists they don't count) or 1,048,575 UTF-16 units.
    """
    if is_plain(raw):
        return raw
    bag = _object(raw, path, MOST_LEVELS, MOST_NESTING, notices)
    if len(bag) > MOST_KEYS:
        raise Invalid(f"Must have at most {MOST_KEYS} properties; it has {len(bag)}.")
    check_size(bag)
    return bag


def value(raw: Any, path: str, notices: Notices) -> Any:
    """One free-form value under the same rules, of any depth up to 100 levels."""
    clean = raw if type(raw) in AS_IT_IS else _value(raw, path, math.inf, MOST_NESTING, notices)
    check_size(clean)
    return clean


def is_plain(raw: dict[str, Any]) -> bool:
    """Whether a bag can be kept just as it is. False says nothing: then it is read."""
    return _is_plain(raw, MOST_LEVELS) and _fits(raw)


def whole(clean: Any) -> Any:
    """``clean`` with ``9`` for each ``9.0``, at any depth: one language writes this for what another writes as that."""
    match clean:
        case dict():
            return {key: whole(part) for key, part in clean.items()}
        case list():
            return [whole(part) for part in clean]
        case float() if clean.is_integer() and abs(clean) <= LARGEST_NUMBER:
            return int(clean)
    return clean


def check_size(clean: Any) -> None:
    """:raises Invalid: when the JSON of a bag or value has 1,048,576 UTF-16 units or more."""
    if not _fits(clean):
        raise Invalid(f"Must be shorter than {UNITS:,} characters (UTF-16 units) as JSON.")


def _fits(clean: Any) -> bool:
    data = orjson.dumps(clean)
    return len(data) < UNITS or len(data.decode().encode("utf-16-le")) // 2 < UNITS


def _is_plain(raw: Any, depth: int) -> bool:
    """Nothing to change, to warn of or to refuse, as far as ``depth`` levels of objects and lists together."""
    kind = type(raw)
    if kind is int:
        return bool(-LARGEST_NUMBER <= raw <= LARGEST_NUMBER)
    if kind is dict:
        plain, parts = len(raw) <= MOST_KEYS and "" not in raw, raw.values()
    elif kind is list:
        plain, parts = len(raw) <= MOST_ITEMS, raw
    else:
        return kind in AS_IT_IS
    if not plain or not depth:
        return False
    for part in parts:  # noqa: SIM110 - twice as fast as all() here, and every request comes by
        if type(part) not in AS_IT_IS and not _is_plain(part, depth - 1):
            return False
    return True


def _object(raw: dict[str, Any], path: str, levels: float, nesting: int, notices: Notices) -> dict[str, Any]:
    if levels < 1:
        raise Invalid(f"Must have at most {MOST_LEVELS} levels of objects; {path} lies deeper.")
    changed = {
        key: clean
        for key, item in raw.items()
        if type(item) not in AS_IT_IS
        and (clean := _value(item, _under(path, key), levels - 1, nesting - 1, notices)) is not item
    }
    if "" in raw:
        notices.add(path, "empty_key")
        return {key: changed.get(key, item) for key, item in raw.items() if key}
    return raw | changed if changed else raw


def _value(raw: Any, path: str, levels: float, nesting: int, notices: Notices) -> Any:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return _number(raw, path, notices)
    if isinstance(raw, dict):
        return _object(raw, path, levels, _enough(nesting), notices)
    if isinstance(raw, list):
        return _list(raw, path, _enough(nesting), notices)
    return raw


def _list(raw: list[Any], path: str, nesting: int, notices: Notices) -> list[Any]:
    if len(raw) > MOST_ITEMS:
        notices.add(path, "list_cut")
        raw = raw[:MOST_ITEMS]
    if all(type(item) in AS_IT_IS for item in raw):
        return raw
    clean = [_value(item, _under(path, index), math.inf, nesting - 1, notices) for index, item in enumerate(raw)]
    return clean if any(new is not old for new, old in zip(clean, raw, strict=True)) else raw


def _number(raw: int, path: str, notices: Notices) -> int | str:
    if abs(raw) <= LARGEST_NUMBER:
        return raw
    notices.add(path, "number_as_text")
    return str(raw)


def _enough(nesting: int) -> int:
    if nesting < 1:
        raise Invalid(f"Must have at most {MOST_NESTING} levels of lists and objects together.")
    return nesting


def _under(path: str, key: str | int) -> str:
    """The path of a part; of bounded length, or one endless key above many values would cost their product."""
    return path if len(path) >= _LONGEST_PATH else f"{path}.{key}"[:_LONGEST_PATH]
