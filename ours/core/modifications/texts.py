"""Text made of values, and written in another case."""

import json
import re
from typing import Any

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")


def as_text(value: Any) -> str:
    """A value as a template writes it between other text: plain text as it is, nothing for null, all else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def words(text: str) -> list[str]:
    """``"Order-Completed twice2"`` and ``"orderCompletedTwice2"`` → ``["Order", "Completed", "twice", "2"]``."""
    return _WORDS.findall(text)


def camel(text: str) -> str:
    first, *rest = [word.lower() for word in words(text)] or [""]
    return first + "".join(word.capitalize() for word in rest)


def kebab(text: str) -> str:
    return "-".join(word.lower() for word in words(text))


def snake(text: str) -> str:
    return "_".join(word.lower() for word in words(text))


def start(text: str) -> str:
    return " ".join(word[:1].upper() + word[1:] for word in words(text))
