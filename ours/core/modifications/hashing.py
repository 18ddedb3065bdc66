"""Hashes, each after the normalising that receivers do on their side, or theirs and ours would never match."""

import hashlib
import re
import unicodedata
from datetime import date

from ours.core import phones
from ours.states import STATES

_HASHED = re.compile(r"\s*[0-9a-fA-F]{64}\s*")
_LENGTH = 64
_COUNTRIES = {"usa": "us", "unitedstates": "us", "unitedstatesofamerica": "us", "uk": "gb", "unitedkingdom": "gb",
              "greatbritain": "gb"}  # fmt: skip
_GENDERS = {"f": "f", "female": "f", "woman": "f", "m": "m", "male": "m", "man": "m"}
_US_ZIP = re.compile(r"\d{5}(\d{4})?")
_ISO_DAY = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(T.*)?")


def already(text: str) -> bool:
    """Whether it is a SHA-256 in hex."""
    return len(text) >= _LENGTH and _HASHED.fullmatch(text) is not None


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
    code = _COUNTRIES.get(plain, plain)
    return code if len(code) == 2 and code.isascii() and code.isalpha() else None


def state(text: str) -> str | None:
    plain = without_special(text) or ""
    return STATES.get(plain, plain) or None


def postcode(text: str) -> str | None:
    plain = without_special(text) or ""
    return plain[:5] if _US_ZIP.fullmatch(plain) else plain or None


def gender(text: str) -> str | None:
    return _GENDERS.get(text.strip().lower())


def birth(text: str) -> str | None:
    """``1988-03-07`` → ``19880307``. Other orders of day and month are guesses, and give nothing."""
    found = _ISO_DAY.fullmatch(text.strip())
    try:
        return date(int(found[1]), int(found[2]), int(found[3])).strftime("%Y%m%d") if found else None
    except ValueError:
        return None
