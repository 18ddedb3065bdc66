"""Headers as ``requests`` keeps them, looked at all at once."""

from collections.abc import Mapping
from typing import Any

from requests.structures import CaseInsensitiveDict


def plain(headers: CaseInsensitiveDict[Any]) -> dict[str, Any]:
    """Each header's value by its name as written. Half the work of ``dict(headers)``, which looks each name up."""
    return dict(zip(headers, [value for _, value in headers.lower_items()], strict=True))


def are_texts(headers: Mapping[Any, Any]) -> bool:
    """Whether all names and values are plain texts, and no bytes or numbers."""
    return {str}.issuperset(map(type, (*headers, *headers.values())))
