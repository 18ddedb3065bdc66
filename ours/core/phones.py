"""Reads a phone number as digits, so that one number written in two ways names one visitor."""

import unicodedata
from typing import Any

FEWEST, MOST = 7, 15
_LONGEST = 40


def normalise(value: Any) -> str | None:
    """``"+1 (555) 010-0000"``, ``"0015550100000"`` and ``15550100000`` → ``"15550100000"``; None when it is no number.

    A leading ``+`` or ``00`` and all formatting are ignored; no country code is guessed. Fewer than 7 or more than
    15 digits, nothing but zeros, or letters among them name nobody: placeholders must not make strangers one visitor.
    """
    text = _text(value)
    marks = "".join(filter(str.isalnum, text)) if len(text) <= _LONGEST else ""
    if not marks.isdecimal():
        return None
    digits = marks if marks.isascii() else "".join(str(unicodedata.decimal(mark)) for mark in marks)
    digits = digits.removeprefix("00")
    return digits if FEWEST <= len(digits) <= MOST and digits.strip("0") else None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    whole = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if whole and 0 < value < 10**MOST else ""
