"""Slows down whoever guesses passwords: counts tries per address and per email, in this process' memory."""

from flask import current_app
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

PER_ADDRESS = parse("10/minute")
PER_EMAIL = parse("60/hour")
_LONGEST_EMAIL = 320


class Throttle:
    def __init__(self) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def admits(self, address: str, email: str) -> bool:
        """Count one try; False when there were too many. What an address is refused does not count for the email."""
        name = email.strip().lower()[:_LONGEST_EMAIL]
        return self._limiter.hit(PER_ADDRESS, "address", address) and self._limiter.hit(PER_EMAIL, "email", name)


def throttle() -> Throttle:
    found: Throttle = current_app.extensions["throttle"]
    return found
