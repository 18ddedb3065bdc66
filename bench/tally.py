"""A number in shared memory: the receiver counts, and whoever opens the same file reads it without asking."""

import mmap
import struct
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_NUMBER = struct.Struct("q")


class Tally:
    """``path`` is made on first use. One process writes; any number read."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    def __enter__(self) -> Self:
        with self._path.open("a+b") as file:
            file.truncate(_NUMBER.size)
            self._memory = mmap.mmap(file.fileno(), _NUMBER.size)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._memory.close()

    @property
    def count(self) -> int:
        value: int = _NUMBER.unpack_from(self._memory)[0]
        return value

    @count.setter
    def count(self, value: int) -> None:
        _NUMBER.pack_into(self._memory, 0, value)

    def missing(self, expected: int, seconds: float) -> int:
        """How many of ``expected`` have not been counted; waits up to ``seconds`` for them."""
        end = time.monotonic() + seconds
        while self.count < expected and time.monotonic() < end:
            time.sleep(0.02)
        return expected - self.count
