"""What an application reads a request's body from. As long as that waits for the sender, its thread counts as kept."""

import time
from typing import Any, Protocol

_PIECE = 64 * 1024
_MOST_DROPPED = 32 * 1024 * 1024


class Late(BaseException):
    """The sender took too long, and was told so: what the application would answer has nobody to go to."""


class Waiting(Protocol):
    """Knows which bodies are waited for: each by the object for its answer, ``given``."""

    largest: int
    """Bytes that any address takes."""

    @property
    def crowded(self) -> bool:
        """Whether more bodies are waited for than threads work."""

    def begin(self, given: Any, since: float) -> None:
        """From here on the body may keep this thread; it is waited for ``since`` then, on the monotonic clock."""

    def end(self, given: Any) -> bool:
        """Whether the sender has not been told that it took too long."""

    def hold(self, size: int) -> None:
        """So many bytes more, or less, of bodies whose end is not there.

        :raises Busy: when that makes too many.
        """


class Body:
    """Reads ``source``, of a ``length`` that was announced or not, once it is asked for.

    Gives one byte more than the largest that any address takes, at most; nothing, when more was announced. Of what
    PEP 3333 wants it has ``read`` alone, for werkzeug calls nothing else.
    """

    __slots__ = ("_given", "_left", "_length", "_since", "_source", "_unread", "_waiting")

    def __init__(self, source: Any, length: int | None, given: Any, waiting: Waiting) -> None:
        self._source, self._length, self._given, self._waiting = source, length, given, waiting
        most = waiting.largest
        self._left = most + 1 if length is None else length if length <= most else 0
        self._unread = True
        self._since: float | None = None

    @property
    def asked_for(self) -> bool:
        """Whether the application read from it: only then do those send it who wait for ``100 Continue``."""
        return self._since is not None

    @property
    def unread(self) -> bool:
        """Whether the sender may have more of it to send."""
        return self._unread

    def read(self, size: int = -1) -> bytes:
        """So many bytes, or all; fewer only at the end.

        :raises Busy: when many are waited for, and hold too much memory together.
        :raises Late: when the sender took too long.
        """
        wanted = self._left if size < 0 else min(size, self._left)
        if not wanted:
            return b""
        if self._since is None:
            self._since = time.monotonic()
        self._waiting.begin(self._given, self._since)
        try:
            data = self._pieces(wanted) if self._length is None or self._waiting.crowded else self._whole(wanted)
        finally:
            in_time = self._waiting.end(self._given)
        if not in_time:
            raise Late
        ended = len(data) < wanted
        self._left = 0 if ended else self._left - wanted
        self._unread = not ended and (self._length is None or self._left > 0)
        return data

    def drop(self, seconds: float) -> None:
        """Read on for so long, and keep nothing: who is told early that it is too much must be able to write on,
        or never reads that."""
        if not self._unread:
            return
        begun = time.monotonic()
        left = _MOST_DROPPED
        self._waiting.begin(self._given, begun)
        try:
            while left > 0 and time.monotonic() < begun + seconds:
                dropped = len(self._source.read(_PIECE))
                if not dropped:
                    break
                left -= dropped
        finally:
            self._waiting.end(self._given)

    def _whole(self, wanted: int) -> bytes:
        """In as few calls as there can be: under load, after each the interpreter must be won back."""
        data: bytes = self._source.read(wanted)
        while len(data) < wanted:
            more = self._source.read(wanted - len(data))
            if not more:
                break
            data += more
        return data

    def _pieces(self, wanted: int) -> bytes:
        data = bytearray()
        try:
            while len(data) < wanted:
                more = self._source.read(min(_PIECE, wanted - len(data)))
                if not more:
                    break
                data += more
                self._waiting.hold(len(more))
            return bytes(data)
        finally:
            self._waiting.hold(-len(data))
