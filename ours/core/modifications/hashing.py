"""Hashes, each after the normalising that receivers do on their side, or theirs and ours would never match."""

import hashlib
import re
import unicodedata

from ours.core import phones
from ours.plugin import identifiers
from ours.states import STATES

_COUNTRIES = {"usa": "us", "unitedstates": "us", "unitedstatesofamerica": "us", "unitedkingdom": "gb",
              "greatbritain": "gb"}  # fmt: skip
_GENDERS = {"woman": "f", "man": "m"}
_US_ZIP = re.compile(r"\d{5}(\d{4})?")


def sha256(text: str) -> str:
    return hashlib.sha256(_bytes(text)).hexdigest()


def md5(text: str) -> str:
    return hashlib.md5(_bytes(text), usedforsecurity=False).hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def normalised(text: str) -> str | None:
    return text.strip().lower() or None


def without_special(text: str) -> str | None:
    """Lower case, letters and digits alone; accents stay."""
    folded = unicodedata.normalize("NFC", text).lower()
    return "".join(mark for mark in folded if mark.isalnum()) or None


def phone(text: str) -> str | None:
    return phones.normalise(text)


def country(text: str) -> str | None:
    plain = without_special(text) or ""
    return identifiers.country_code(_COUNTRIES.get(plain, plain))


def state(text: str) -> str | None:
    plain = without_special(text) or ""
    return STATES.get(plain, plain) or None


def postcode(text: str) -> str | None:
    plain = without_special(text) or ""
    return plain[:5] if _US_ZIP.fullmatch(plain) else plain or None


def gender(text: str) -> str | None:
    said = text.strip().lower()
    return identifiers.gender(_GENDERS.get(said, said))


def birth(text: str) -> str | None:
    """``1988-03-07`` → ``19880307``, and what follows a ``T`` is left out; all else gives nothing."""
    day = text.strip().partition("T")[0]
    return identifiers.birthday(day) if " " not in day else None
