"""How the values of events are read as texts, numbers and moments, to be compared. Nothing here raises."""

import json
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

_NUMBER = re.compile(r"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,3})?")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_EARLIEST, _LATEST = 10**11, 10**14  # as milliseconds: from 1973 to the year 5138
_ONE_DAY = 86_400_000


def text(value: Any) -> str | None:
    """A plain value as folded text; None for null, lists and objects, which are no text."""
    if isinstance(value, str):
        return value.casefold()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return json.dumps(value) if isinstance(value, int | float) else None


def number(value: Any) -> float | int | None:
    """A number, or text that reads as one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        plain = value.strip()
        value = int(plain) if plain.lstrip("+-").isdigit() else float(plain)
    return value if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)) else None


def moments(value: Any) -> tuple[int, int] | None:
    """The first and the last millisecond of what ``value`` names: a moment, or a whole day in UTC."""
    plain = number(value)
    if plain is not None:
        return (int(plain), int(plain)) if _EARLIEST <= plain <= _LATEST else None
    if not isinstance(value, str) or len(value) > 40:
        return None
    given = value.strip()
    try:
        moment = datetime.fromisoformat(given)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        first = (moment - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return None
    return (first, first + _ONE_DAY - 1) if _DAY.fullmatch(given) else (first, first)


def is_empty(value: Any) -> bool:
    """Null, false, zero, and text, lists and objects with nothing in them."""
    return value is None or value is False or value in ("", 0) or value == [] or value == {}


def many(value: str) -> list[str]:
    """``"a, b"`` or ``'["a", "b"]'`` as its entries."""
    if value.strip().startswith("["):
        try:
            entries = json.loads(value)
        except (ValueError, RecursionError):
            entries = None
        if isinstance(entries, list):
            return [entry if isinstance(entry, str) else json.dumps(entry) for entry in entries]
    return [entry.strip() for entry in value.split(",") if entry.strip()]
