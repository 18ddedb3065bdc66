"""Writes JSON piece by piece, so that what is long need never be there whole."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

Dump = Callable[[Any], str]
"""Writes a value whole: on one line, or indented by two spaces."""


def pieces(value: Any, dump: Dump, line: str = "\n") -> Iterator[str]:
    """The text that ``dump`` would write of ``value``, where an iterator stands for a list, itself or in an object.

    One of its values at a time is there whole. ``line``: how a line begins there; empty for a ``dump`` without lines.
    """
    if isinstance(value, Iterator):
        yield from _enclosed("[", "]", (("", one) for one in value), dump, line)
    elif isinstance(value, Mapping) and any(isinstance(one, Iterator) for one in value.values()):
        colon = ": " if line else ":"
        yield from _enclosed("{", "}", ((dump(name) + colon, one) for name, one in value.items()), dump, line)
    else:
        yield dump(value).replace("\n", line) if line else dump(value)


def _enclosed(opening: str, closing: str, members: Iterable[tuple[str, Any]], dump: Dump, line: str) -> Iterator[str]:
    inner, before = line and line + "  ", opening
    for name, one in members:
        yield before + inner + name
        yield from pieces(one, dump, inner)
        before = ","
    yield opening + closing if before == opening else line + closing
