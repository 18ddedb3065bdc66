"""Reads an email address, so that one address written in two ways names one visitor, and a placeholder names nobody."""

import re
from typing import Any

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def normalise(value: Any) -> str | None:
    """``" Jane@Example.com"`` → ``"jane@example.com"``; None for ``"N/A"`` and all else that is no address."""
    text = value.strip().lower() if isinstance(value, str) else ""
    return text if ADDRESS.fullmatch(text) else None
