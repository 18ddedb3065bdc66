"""Compares two values field by field: what appeared, what vanished, what changed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


class _Absent:
    def __repr__(self) -> str:
        return "absent"


ABSENT: Any = _Absent()
_MOST = 500


@dataclass(frozen=True, slots=True)
class Difference:
    """One field in which two values differ. ``ABSENT`` stands where there is none."""

    path: str
    old: Any
    new: Any

    @property
    def kind(self) -> str:
        if self.old is ABSENT:
            return "appears"
        return "vanishes" if self.new is ABSENT else "changes"


def differences(old: Any, new: Any) -> list[Difference]:
    """In the order of the fields; at most 500."""
    return [found for _, found in zip(range(_MOST), _walk("", old, new), strict=False)]


def _walk(path: str, old: Any, new: Any) -> Iterator[Difference]:
    """What is only on one side is told leaf by leaf, as if the other side were empty."""
    if old is ABSENT and isinstance(new, Mapping | list | tuple) and new:
        old = type(new)()
    elif new is ABSENT and isinstance(old, Mapping | list | tuple) and old:
        new = type(old)()
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in [*old, *(name for name in new if name not in old)]:
            below = f"{path}.{name}" if path else str(name)
            yield from _walk(below, old.get(name, ABSENT), new.get(name, ABSENT))
    elif isinstance(old, list | tuple) and isinstance(new, list | tuple):
        for place in range(max(len(old), len(new))):
            yield from _walk(f"{path}[{place}]", *(one[place] if place < len(one) else ABSENT for one in (old, new)))
    elif type(old) is not type(new) or old != new:
        yield Difference(path, old, new)
