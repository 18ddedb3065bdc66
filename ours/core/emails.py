"""Reads an email address, so that one address written in two ways names one visitor, and a placeholder names nobody."""

import hashlib
import re
import unicodedata
from typing import Any

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def normalise(value: Any) -> str | None:
    """``" Jane@Example.com"`` → ``"jane@example.com"``; None for ``"N/A"`` and all else that is no address."""
    text = written(value) if isinstance(value, str) else ""
    return text if ADDRESS.fullmatch(text) else None


def written(text: str) -> str:
    """All writings of one address alike: no space around it, in lower case, accents one with their letters (NFC)."""
    low = text.strip().lower()
    return low if low.isascii() else unicodedata.normalize("NFC", low)


def hashed(address: str) -> str:
    """SHA-256 (hex) of it as it is ``written``."""
    return hashlib.sha256(written(address).encode()).hexdigest()
