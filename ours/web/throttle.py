"""Slows down whoever guesses: counts tries per place, email and person, in this process' memory.

A place is an address; of IPv6 the network of 64 bits, for whoever has one address there has all of them.
"""

from ipaddress import IPv4Address, ip_address, ip_network

from flask import current_app
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from ours import clock

PER_PLACE = parse("10/minute")
PER_EMAIL = parse("60/hour")
PER_PERSON = parse("10/minute")
WRONG_TOKENS = parse("20/minute")
_LONGEST_EMAIL = 320
_SET_BACK = -clock.MINUTE


class Throttle:
    def __init__(self) -> None:
        self._storage = MemoryStorage()
        self._by_window = FixedWindowRateLimiter(self._storage)
        self._jumps = clock.Jumps()

    @property
    def _limiter(self) -> FixedWindowRateLimiter:
        """A window ends by the clock: one that was begun while that was ahead would last until then."""
        if self._jumps.since_last() < _SET_BACK:
            self._storage.reset()
        return self._by_window

    def admits(self, address: str, email: str, browser: str = "") -> bool:
        """Count one try; False when there were too many. What a place is refused does not count for the email.

        ``browser``: the name of one in which that email has signed in. It counts by itself, as a place and an email.
        """
        name, place = email.strip().lower()[:_LONGEST_EMAIL], browser or place_of(address)
        return self._limiter.hit(PER_PLACE, "place", place) and self._limiter.hit(PER_EMAIL, "email", browser or name)

    def admits_password(self, person_id: int) -> bool:
        """Count one try to give one's old password: a session that was left open must not be a way to guess it."""
        return self._limiter.hit(PER_PERSON, "person", str(person_id))

    def may_try_token(self, address: str) -> bool:
        """Whether few enough wrong tokens came from there; good ones don't count."""
        return self._limiter.test(WRONG_TOKENS, "token", place_of(address))

    def note_wrong_token(self, address: str) -> None:
        self._limiter.hit(WRONG_TOKENS, "token", place_of(address))


def place_of(address: str) -> str:
    """``address`` as it counts. Some proxies write the port behind it, which is another each time."""
    bare = address[1:].partition("]")[0] if address[:1] == "[" else address
    bare = bare.partition(":")[0] if bare.count(":") == 1 else bare
    try:
        found = ip_address(bare)
    except ValueError:
        return address
    if isinstance(found, IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ip_network((found, 64), strict=False))


def throttle() -> Throttle:
    found: Throttle = current_app.extensions["throttle"]
    return found
