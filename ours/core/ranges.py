"""Writes a set of whole numbers as short text, ``1-3,7``, and reads it back."""

from collections.abc import Iterable
from itertools import groupby


def write(numbers: Iterable[int]) -> str:
    """``[7, 1, 2, 3]`` → ``"1-3,7"``: sorted, each number once. Numbers are not negative."""
    ordered = enumerate(sorted(set(numbers)))
    runs = ([number for _, number in run] for _, run in groupby(ordered, lambda pair: pair[1] - pair[0]))
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def read(text: str | None) -> list[int]:
    """``"1-3,7"`` → ``[1, 2, 3, 7]``; nothing gives an empty list.

    :raises ValueError: when the text was not made by :func:`write`.
    """
    numbers: list[int] = []
    for part in (text or "").split(",") if text else ():
        first, _, last = part.partition("-")
        numbers.extend(range(int(first), int(last or first) + 1))
    return numbers
