"""Hears the pokes of a station, also while its worker waits for other things: it has a descriptor to be among them."""

import time
from functools import cached_property
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

_SECONDS = 5  # for which Redis holds the line; then it says that nothing came
_PATIENCE = 15.0


class Bell:
    """Rings when something is pushed to the list ``key``. Belongs to one thread of one process.

    It takes what is pushed, so that another who waits there is not woken for the same. Once the queue could not be
    reached, only ``wait`` tries again: to connect may take a while, which who waits for other things does not have.
    """

    def __init__(self, redis: Redis, key: str) -> None:
        self._redis, self._key = redis, key
        self._asked: float | None = None
        self._broken = False

    def descriptor(self) -> int | None:
        """Readable when it rings, or when there is something else to hear; None when the queue can't be reached."""
        if self._broken:
            return None
        try:
            self._ask()
        except RedisError:
            self._break()
            return None
        descriptor: int = self._line._sock.fileno()  # noqa: SLF001 - redis has no door to it
        return descriptor

    def heard(self) -> bool:
        """Whether it rang; for when the descriptor is readable."""
        try:
            return self._hear(0)
        except RedisError:
            self._break()
            return False

    def wait(self, seconds: float) -> bool:
        """Whether it rings within ``seconds``.

        :raises RedisError: when the queue can't be reached.
        """
        ends = time.monotonic() + seconds
        try:
            while (left := ends - time.monotonic()) > 0:
                self._ask()
                self._broken = False
                if self._hear(left):
                    return True
        except RedisError:
            self._break()
            raise
        return False

    def close(self) -> None:
        if "_line" in self.__dict__:
            self._hang_up()

    @cached_property
    def _line(self) -> Any:
        return self._redis.connection_pool.make_connection()

    def _ask(self) -> None:
        """Have one call wait in Redis, always."""
        if self._asked is not None and time.monotonic() - self._asked > _PATIENCE:
            self._hang_up()
        if self._asked is None:
            self._line.send_command("BLPOP", self._key, _SECONDS)
            self._asked = time.monotonic()

    def _hear(self, seconds: float) -> bool:
        if self._asked is None or not self._line.can_read(timeout=seconds):
            return False
        said = self._line.read_response()
        self._asked = None
        return said is not None

    def _break(self) -> None:
        self._broken = True
        self._hang_up()

    def _hang_up(self) -> None:
        self._asked = None
        self._line.disconnect()
