"""Headers as ``requests`` keeps them, written and read all at once.

``CaseInsensitiveDict`` keeps name and value as written by the name in small letters, in ``_store``. Through its own
methods each header is looked up by itself, which costs ten times as much; a test holds both ways against each other.
"""

from collections.abc import Mapping
from typing import Any

from requests.structures import CaseInsensitiveDict

Written = dict[str, tuple[str, Any]]
"""Name and value as written, by the name in small letters."""


def of_mapping(headers: Mapping[str, Any]) -> CaseInsensitiveDict[Any]:
    """What ``CaseInsensitiveDict(headers)`` is."""
    return of_written({name.lower(): (name, value) for name, value in headers.items()})


def of_written(written: Written) -> CaseInsensitiveDict[Any]:
    """Headers that have ``written`` for their own from now on."""
    headers: CaseInsensitiveDict[Any] = CaseInsensitiveDict.__new__(CaseInsensitiveDict)
    headers._store = written  # type: ignore[attr-defined]  # noqa: SLF001
    return headers


def plain(headers: CaseInsensitiveDict[Any]) -> dict[str, Any]:
    """What ``dict(headers)`` is: each header's value by its name as written."""
    return dict(headers._store.values())  # type: ignore[attr-defined]  # noqa: SLF001


def in_text(headers: CaseInsensitiveDict[Any]) -> dict[str, str]:
    """``plain``, in text: ``requests`` takes bytes as well, and from an ``auth=`` helper whatever that puts there."""
    return {_text(name): _text(value) for name, value in plain(headers).items()}


def look_up(headers: CaseInsensitiveDict[Any], name: str) -> Any:
    """What ``headers.get(name)`` is, for a ``name`` in small letters: without an exception for one that is missing."""
    found = headers._store.get(name)  # type: ignore[attr-defined]  # noqa: SLF001
    return found[1] if found else None


def _text(part: object) -> str:
    return part.decode("latin-1") if isinstance(part, bytes) else str(part)
