"""Codes that prove who somebody is, besides a password: an authenticator's (RFC 6238), and some for when it is lost.

An authenticator is whatever shows a new code each 30 seconds: an app on a phone, a password manager.
"""

import hashlib
import secrets
import string
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from pyotp import TOTP, random_base32

from ours import clock

_STEP = 30
_MOST_WRONG = 10  # an hour; three of a million are good at a time: a year of guessing has one chance in four
_DRIFT = (0, -1, 1)
_RECOVERY = 8
_LETTERS = "".join(sorted(set(string.ascii_lowercase + string.digits) - set("il1o0")))
_ISSUER = "Ours"
_LONGEST_NAME = 100  # of letters that take twelve there each, more would fit into no picture


@dataclass(frozen=True, slots=True)
class Factor:
    """``step``: that of the last code that was taken, for none is taken twice. ``recovery``: SHA-256 of those left.

    ``wrong``: how many wrong codes came within an hour of the moment ``since`` (milliseconds).
    """

    secret: str
    step: int = 0
    recovery: Sequence[str] = ()
    wrong: int = 0
    since: int = 0

    def document(self) -> dict[str, Any]:
        """As JSON can carry it."""
        return asdict(self)

    def taking(self, code: str, now: int) -> "Factor | None":
        """What is left when ``code`` was taken; None when it is none of ours. ``now`` in milliseconds."""
        bare = "".join(code.split()).replace("-", "").lower()
        return self._taking_recovery(bare) or self._taking_shown(bare, now)

    def may_be_tried(self, now: int) -> bool:
        """Whether few enough wrong codes came. Good ones don't take any of those back."""
        return self.wrong < _MOST_WRONG or not self._counts(now)

    def missed(self, now: int) -> "Factor":
        """With one more wrong code."""
        return replace(self, wrong=self.wrong + 1) if self._counts(now) else replace(self, wrong=1, since=now)

    def with_recovery(self, codes: Sequence[str]) -> "Factor":
        """With these recovery codes in the place of all before."""
        return replace(self, recovery=[_hash(code.replace("-", "")) for code in codes])

    def _counts(self, now: int) -> bool:
        """Whether the hour lasts; the clock may have been set back."""
        return abs(now - self.since) < clock.HOUR

    def _taking_shown(self, code: str, now: int) -> "Factor | None":
        """An authenticator's clock, or ours, may be 30 seconds off."""
        steps = [now // 1000 // _STEP + drift for drift in _DRIFT]
        good = [step for step in steps if secrets.compare_digest(_shown(self.secret, step), code.encode())]
        return replace(self, step=good[0]) if good and good[0] > self.step else None

    def _taking_recovery(self, code: str) -> "Factor | None":
        hashed = _hash(code)
        left = [one for one in self.recovery if one != hashed]
        return replace(self, recovery=left) if len(left) < len(self.recovery) else None


def new_secret() -> str:
    """160 random bits in base32, as an authenticator takes them."""
    return random_base32()


def address(secret: str, email: str, host: str) -> str:
    """What the square picture says, that an authenticator reads: ``otpauth://totp/…``."""
    return TOTP(secret).provisioning_uri(name=f"{email} ({host})"[:_LONGEST_NAME], issuer_name=_ISSUER)


def new_recovery() -> list[str]:
    """Eight codes of 12 letters (59 bits each), for when the authenticator is lost."""
    return ["-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3)) for _ in range(_RECOVERY)]


def _shown(secret: str, step: int) -> bytes:
    return TOTP(secret, interval=_STEP).generate_otp(step).encode()


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
