"""Holds each source to its number of requests a second. The counts live in this process alone."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a limit. ``wait``: seconds until a refused request would be taken, None when it was taken."""

    limit: int
    remaining: int
    reset: int
    wait: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        """``X-RateLimit-Reset`` is the number of seconds until all of the limit is there again."""
        shown = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset),
        }
        return shown if self.wait is None else shown | {"Retry-After": str(self.wait)}


class Limits:
    """One token bucket per source: it holds a second's worth of requests and refills steadily."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[int, tuple[float, float]] = {}

    def take(self, source_id: int, limit: int) -> Allowance:
        """Spend one request of ``limit`` a second, if there is one."""
        with self._lock:
            now = self._clock()
            tokens, then = self._buckets.get(source_id, (float(limit), now))
            tokens = min(float(limit), tokens + (now - then) * limit)
            taken = tokens >= 1
            tokens -= taken
            self._buckets[source_id] = tokens, now
        wait = None if taken else max(1, math.ceil((1 - tokens) / limit))
        return Allowance(limit, int(tokens), math.ceil((limit - tokens) / limit), wait)
