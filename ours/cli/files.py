"""Reads what is too long for options: a JSON or YAML file, or ``-`` for stdin."""

import sys
from pathlib import Path
from typing import Any

from ours.errors import Invalid


def read_document(place: str) -> Any:
    """:raises Invalid: when there is no such file, or it is neither JSON nor YAML."""
    from ours.core import documents

    try:
        text = sys.stdin.read() if place == "-" else Path(place).read_text(encoding="utf-8")
        return documents.read(text)
    except OSError as error:
        raise Invalid(f"{place} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise Invalid(f"{place} is no text in UTF-8.") from None
    except documents.Unreadable as error:
        raise Invalid(f"{place} is neither JSON nor YAML: {error}.") from None
