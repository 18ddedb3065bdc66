"""Values that a caller may lawfully send and that break careless code. The same ones at every run."""

import random
from collections.abc import Iterator
from typing import Any

_TEXTS = [
    "", " ", "0", "null", "true", "a" * 5_000, "é", "e\u0301", "👩‍👩‍👧", "\u202eabc", "\u2028\u2029", "\ufeff", "\\",
    "line\r\nSet-Cookie: a=b", "tab\tbell\x07", "\x7f", "'; DROP TABLE events; --", "<script>alert(1)</script>",
    "{{event.id}}", "%s %(x)s {0}", "../../etc/passwd", "https://example.com/?a=b#c", "=1+1", "NaN", "1e999",
]  # fmt: skip
_OTHERS: list[Any] = [None, True, False, 0, -1, 1.5, 1e-9, 1.7976931348623157e308, 2**53, -(2**63), 10**30, [], {}]
_NAMES = [
    "id",
    "event",
    "email",
    "value",
    "currency",
    "__proto__",
    "$set",
    "a.b",
    "a b",
    "é",
    "x" * 300,
    "self",
    "items",
]
CANARIES = ["Canary.Zed+x@Gmail.com", "+33 6 12 34 56 78", "Canaryzed", "1987-06-05", "Zed-98765", 33612345678]
"""What names a person, in the forms in which people write it."""
_INNER = 3
"""Levels below a bag's own; a leaf may be one more, so that there are five at most."""


def in_clear(value: Any) -> set[str]:
    """The forms in which a canary would show, in lower case: as it is, and without what a vendor leaves out."""
    text = str(value).lower()
    return {text, "".join(filter(str.isalnum, text)), text.replace("+x", ""), text.replace(".", "").replace("+x", "")}


def hostile_values() -> list[Any]:
    """The leaves, and one small tree of each kind."""
    return [*_TEXTS, *_OTHERS, [None, [1, ["x"]]], {"a": {"b": {"c": []}}}]


def hostile_bags(count: int = 25, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Bags of properties as ingestion lets them through: any JSON, at most five levels deep."""
    dice = random.Random(seed)  # noqa: S311  repeatable on purpose, guards nothing
    for _ in range(count):
        yield {name: _value(dice, _INNER) for name in dice.sample(_NAMES, dice.randrange(len(_NAMES)))}


def _value(dice: random.Random, depth: int) -> Any:
    if depth and dice.random() < 0.2:
        return {name: _value(dice, depth - 1) for name in dice.sample(_NAMES, 3)}
    if depth and dice.random() < 0.2:
        return [_value(dice, depth - 1) for _ in range(dice.randrange(5))]
    return dice.choice([*_TEXTS, *_OTHERS])
