"""Reads a mapped field as what a vendor wants there. Callers send any JSON: what can't be read is None."""

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import urlsplit

from ours.plugin.identifiers import EXACT, plain
from ours.plugin.types import Rejected

Detail = Literal["site", "path", "full"]
_NUMBER = re.compile(r"[+-]?(\d{1,300}(\.\d{0,30})?|\.\d{1,30})")
_YES = {"true", "yes", "y", "1", "granted", "given", "consent_granted", "accepted", "allowed"}
_NO = {"false", "no", "n", "0", "denied", "revoked", "consent_denied"}


def text(value: Any) -> str | None:
    """A text without space around it; a whole number too. Never an empty one."""
    return plain(value)


def texts(value: Any) -> list[str] | None:
    """A list of texts, or one alone; None where one of them can't be read."""
    read = [text(one) for one in (value if isinstance(value, list) else [value])]
    return None if None in read else [one for one in read if one]


def number(value: Any) -> int | float | None:
    """A finite number, or a text that is one: ``"129.90"``, and ``"10"`` as a whole one."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
        value = int(value) if value.is_integer() and abs(value) < EXACT else value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) <= sys.float_info.max else None  # also where NaN is asked, or an integer beyond floats


def whole(value: Any) -> int | None:
    """A number without a fraction, such as a quantity: ``"2"`` and ``2.0`` too."""
    read = number(value)
    return int(read) if read is not None and read == int(read) else None


def amount(value: Any) -> str | None:
    """A number as a text, for vendors that take no other, and never with an exponent: ``129.9`` → ``"129.9"``."""
    read = number(value)
    return None if read is None else f"{Decimal(repr(read)):f}"


def currency(value: Any) -> str | None:
    """``"eur"`` → ``"EUR"``: three letters (ISO 4217)."""
    code = (plain(value) or "").upper()
    return code if len(code) == 3 and code.isascii() and code.isalpha() else None


def is_unread(given: Any, read: Any) -> bool:
    """Whether something was ``given`` that could not be ``read``: what is missing or empty was not given."""
    return read is None and given not in (None, [], {}) and not (isinstance(given, str) and not given.strip())


def present(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is not known, and without objects and lists that are empty."""
    return {name: value for name, value in parts.items() if value not in (None, {}, [])}


def under(prefix: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields whose names begin with ``prefix``, without it: ``$set.plan`` → ``plan``."""
    return {name.removeprefix(prefix): value for name, value in given.items() if name.startswith(prefix)}


def read_all(given: Mapping[str, Any], rules: Mapping[str, Callable[[Any], Any]]) -> tuple[dict[str, Any], str | None]:
    """Each field that is known, as its rule reads it, or as it is where it has none; and the name of one that can't be
    read."""
    read = {name: rules[name](value) if name in rules else value for name, value in given.items()}
    unread = min((name for name in given if is_unread(given[name], read[name])), default=None)
    return {name: value for name, value in read.items() if value is not None}, unread


def unreadable(name: str, rule: Callable[[Any], Any]) -> Rejected:
    """What comes of a field that ``rule`` can't read: left out in silence, it would be missed by nobody."""
    wanted = _WANTED.get(getattr(rule, "func", rule), "what is taken there")
    return Rejected(f"invalid_{word(name)}", f"What is mapped to {name} can't be read as {wanted}.", name)


def rows(value: Any, rules: Mapping[str, tuple[Callable[[Any], Any], Sequence[str]]]) -> list[dict[str, Any]] | None:
    """A list of objects, such as what was bought, and of each nothing but what ``rules`` name: how it is read, and by
    which names callers may send it. None where it is no such list, or one of them could not be read.
    """
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        return None
    read = []
    for one in value:
        given = {name: _first(one, keys) for name, (_, keys) in rules.items()}
        row = {name: rule(given[name]) for name, (rule, _) in rules.items()}
        if any(is_unread(given[name], row[name]) for name in rules):
            return None
        read.append(present(row))
    told = [row for row in read if row]
    return told if told or not value else None


def objected(value: Any) -> bool:
    """Whether somebody opted out. What can't be read counts as yes: an objection must not be lost by its spelling."""
    said = _agreed(value)
    return value not in (None, "") if said is None else said


def snake(value: Any) -> str:
    """``"AddToCart"`` and ``"Add to cart"`` → ``"add_to_cart"``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[\W_]+", "_", text(value) or "").strip("_").lower()


def known_name(value: Any, names: Iterable[str], same: Mapping[str, str], own: str = "") -> str | None:
    """Which of a vendor's ``names`` it is in another spelling; else which of those in ``own``, with commas; else what
    ``same`` makes of it in snake case: ``{"order_completed": "PURCHASE"}``. None for one that none of them knows."""
    known = {**same, **{snake(one): one.strip() for one in own.split(",")}, **{snake(name): name for name in names}}
    written = snake(value)
    return known.get(written) if written else None


def word(value: Any) -> str:
    """What a vendor calls a field, as a part of a code: ``"properties.time"`` → ``"properties_time"``."""
    return re.sub(r"[^a-z0-9$]+", "_", (plain(value) or "").lower()).strip("_")


def granted(value: Any) -> bool | None:
    """A consent: yes, no, or None where nothing was said. What can't be read counts as no: it was not clearly given."""
    said = _agreed(value)
    return False if said is None and value not in (None, "") else said


def address(value: Any, detail: Detail = "site") -> str | None:
    """A web address, reduced to its site (``https://shop.example.com/``), or to its path without query and fragment."""
    whole = plain(value) or ""
    try:
        parts = urlsplit(whole)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not host or re.search(r"[\s\x00-\x1f]", whole):
        return None
    site = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    return {"site": f"{site}/", "path": site + (parts.path or "/"), "full": whole}[detail]


def _agreed(value: Any) -> bool | None:
    """Yes, no, or nothing that can be read."""
    if isinstance(value, bool):
        return value
    said = (plain(value) or "").lower()
    return True if said in _YES else False if said in _NO else None


def _first(bag: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return next((bag[key] for key in keys if bag.get(key) not in (None, "")), None)


_WANTED: Mapping[Callable[..., Any], str] = {
    text: "a text",
    texts: "a list of texts",
    number: "a number, such as 12.5",
    amount: "a number, such as 12.5",
    whole: "a whole number, such as 2",
    currency: "three letters, such as EUR",
    rows: "a list of objects",
}
