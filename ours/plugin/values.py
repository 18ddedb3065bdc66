"""Reads a mapped field as what a vendor wants there. Callers send any JSON: what can't be read is None."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from ours.plugin.identifiers import plain

Detail = Literal["site", "path", "full"]
_NUMBER = re.compile(r"[+-]?(\d{1,300}(\.\d{0,30})?|\.\d{1,30})")
_EXACT = 2**53
_YES = {"true", "yes", "y", "1", "granted", "given", "consent_granted"}
_NO = {"false", "no", "n", "0", "denied", "revoked", "consent_denied"}


def text(value: Any) -> str | None:
    """A text without space around it; a whole number too. Never an empty one."""
    return plain(value)


def number(value: Any) -> int | float | None:
    """A finite number, or a text that is one: ``"129.90"``, and ``"10"`` as a whole one."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
        value = int(value) if value.is_integer() and abs(value) < _EXACT else value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None


def currency(value: Any) -> str | None:
    """``"eur"`` → ``"EUR"``: three letters (ISO 4217)."""
    code = (plain(value) or "").upper()
    return code if len(code) == 3 and code.isascii() and code.isalpha() else None


def is_unread(given: Any, read: Any) -> bool:
    """Whether something was ``given`` that could not be ``read``: what is missing or empty was not given."""
    return read is None and given is not None and given != ""


def first_unread(given: Mapping[str, Any], rules: Mapping[str, Callable[[Any], Any]]) -> str | None:
    """The first field of ``rules`` that was given, and that its rule can't read."""
    return next((name for name, rule in rules.items() if is_unread(given.get(name), rule(given.get(name)))), None)


def word(value: Any) -> str:
    """What a vendor calls a field, as a part of a code: ``"properties.time"`` → ``"properties_time"``."""
    return re.sub(r"[^a-z0-9$]+", "_", (plain(value) or "").lower()).strip("_")


def granted(value: Any) -> bool | None:
    """What a caller recorded of a consent: yes, no, or nothing that can be read."""
    if isinstance(value, bool):
        return value
    said = (plain(value) or "").lower()
    return True if said in _YES else False if said in _NO else None


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
