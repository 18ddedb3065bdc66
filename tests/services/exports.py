"""An export taken whole, as a test looks at it."""

from collections.abc import Iterator, Mapping
from typing import Any


def whole(document: Mapping[str, Any]) -> dict[str, Any]:
    """With a list for each iterator."""
    return {name: list(value) if isinstance(value, Iterator) else value for name, value in document.items()}
