"""Makes every id and key, and tells an id. An id is a UUIDv7 as 32 hex digits: its text order is its order in time."""

import hashlib
import secrets
import string
import time

from uuid_utils import uuid7  # noqa: TID251 - here ids are made

TEST_PREFIX = "test_"
TOKEN_PREFIX = "ours_"  # noqa: S105 - it is no secret
_ALPHABET = string.ascii_lowercase + string.digits
_AHEAD = 1_000


def new_id(after: str = "") -> str:
    """Greater than all that this process made before, unless the clock was set back since.

    With ``after``: greater than that one in any case; among themselves, those that it moved have no order.
    """
    made = uuid7()
    text, now = made.hex, time.time() * 1000  # noqa: TID251 - ids and the clock know nothing of each other
    if made.timestamp > now + _AHEAD:
        text = _at(int(now), text)
    return text if text > after else _at(moment(after) + 1, text)


def _at(moment: int, made: str) -> str:
    """What makes ids never goes back: once the clock was set back, all of them would stay at the last moment before.

    What stands behind the moment goes on rising, so they keep their order.
    """
    return f"{moment:012x}{made[12:]}"


def is_id(text: str) -> bool:
    return len(text) == 32 and all(mark in "0123456789abcdef" for mark in text)


def floor(moment: int) -> str:
    """The id before every id that is made at ``moment`` (milliseconds) or later."""
    return f"{moment:012x}".ljust(32, "0")


def moment(of: str) -> int:
    """When that id was made (milliseconds)."""
    return int(of[:12], 16)


def new_key(mode: str) -> str:
    """An ingest key of 24 random characters (124 bits); a test key is random in its own right and says so."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(24))
    return TEST_PREFIX + body if mode == "test" else body


def new_token() -> str:
    """A token of 40 random characters (206 bits). Its beginning lets scanners of code find one that was left lying."""
    return TOKEN_PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(40))


def of_secret_key(key: bytes) -> str:
    """8 hex digits by which a key of the ring is named, in sealed values and to people; they say nothing of the key."""
    return hashlib.sha256(key).hexdigest()[:8]


def new_password() -> str:
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4))
