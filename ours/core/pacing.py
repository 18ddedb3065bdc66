"""How much may start now: a token bucket for a rate, and fair shares of a worker's room."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

_BURST_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Bucket:
    """Tokens for tries at ``rate`` a second, counted at the moment ``at`` (milliseconds).

    It holds what comes in a quarter of a second, and one token at least: enough to bridge a worker's turn, and little
    enough that a second never sees more than one and a quarter times the rate.
    """

    rate: float
    tokens: float
    at: int

    @classmethod
    def full(cls, rate: float, now: int) -> "Bucket":
        return cls(rate, _most(rate), now)

    def filled(self, now: int) -> "Bucket":
        """With what has come in since. A clock that was set back brings nothing and takes nothing."""
        came = max(now - self.at, 0) / 1000 * self.rate
        return Bucket(self.rate, min(self.tokens + came, _most(self.rate)), now)

    def without(self, tokens: int) -> "Bucket":
        return Bucket(self.rate, self.tokens - tokens, self.at)

    @property
    def whole(self) -> int:
        """How many tries may start."""
        return max(math.floor(self.tokens + 1e-9), 0)

    @property
    def wait(self) -> int:
        """Milliseconds until the next try may start."""
        return max(math.ceil((1 - self.tokens) / self.rate * 1000), 0)


def _most(rate: float) -> float:
    return max(rate * _BURST_SECONDS, 1.0)


def share_out(room: int, wants: Mapping[int, int], turn: int = 0) -> dict[int, int]:
    """Shares ``room`` among those who want some: the same for all, and what some leave over for the rest.

    ``turn`` says with whom to begin where there is less room than there are wants; raise it each time.
    """
    ids = sorted(wants)
    start = turn % len(ids) if ids else 0
    waiting = [one for one in ids[start:] + ids[:start] if wants[one] > 0]
    shares = dict.fromkeys(waiting, 0)
    while room > 0 and waiting:
        equal = max(room // len(waiting), 1)
        for one in waiting:
            given = min(equal, wants[one] - shares[one], room)
            shares[one] += given
            room -= given
        waiting = [one for one in waiting if shares[one] < wants[one]]
    return {one: share for one, share in shares.items() if share}


def spread(count: int, rate: float | None, start: int) -> list[int]:
    """The moments (milliseconds) for ``count`` dispatches from ``start`` on, ``rate`` a second; None: all at once."""
    return [start + math.floor(number * 1000 / rate) if rate else start for number in range(count)]
