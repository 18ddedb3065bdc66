"""What is told of sources, their keys and their volumes. Moments are in milliseconds."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ours import clock
from ours.core.reasons import Reason
from ours.plugin import SecretValue


@dataclass(frozen=True, slots=True)
class Volume:
    """What arrived: good events, those among them that had arrived before, and those answered 4xx."""

    received: int = 0
    duplicate: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """A backend that sends. ``rate_limit`` is requests a second; ``live`` and ``test`` what came in 24 hours."""

    id: int
    name: str
    status: str
    created_at: int
    rate_limit: int | None
    last_seen_at: int | None
    live: Volume
    test: Volume

    @property
    def document(self) -> dict[str, Any]:
        """As programs are given it."""
        return {
            "id": self.id,
            "name": self.name,
            "status": self.status,
            "createdAt": clock.iso(self.created_at),
            "lastSeenAt": clock.iso(self.last_seen_at),
            "rateLimit": self.rate_limit,
            "live": asdict(self.live),
            "test": asdict(self.test),
        }


@dataclass(frozen=True, slots=True)
class Refusals:
    """Events that were refused for one reason: ``code`` as the answer had it, ``fields`` which were wrong.

    ``request`` is what the last of them, at ``last_at``, was called in its answer and in our log.
    """

    mode: str
    code: str
    fields: str
    count: int
    last_at: int
    request: str

    @property
    def document(self) -> dict[str, Any]:
        """As programs are given it."""
        return {
            "mode": self.mode,
            "code": self.code,
            "fields": self.fields.split(),
            "count": self.count,
            "lastAt": clock.iso(self.last_at),
            "request": self.request,
        }


@dataclass(frozen=True, slots=True)
class NewSource:
    source: Source
    live_key: str = field(repr=False)
    test_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a source. ``text`` is what callers send; whoever shows it sees to it that the reader may.

    ``unopened``: why it can't be shown, if so. It works all the same.
    """

    id: int
    mode: str
    text: SecretValue
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None
    unopened: Reason | None = None

    def works(self, now: int) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)

    def in_use(self, now: int) -> bool:
        """Whether somebody sent with it in the last 24 hours and would be refused without it."""
        return self.works(now) and self.last_used_at is not None and now - self.last_used_at < clock.DAY


def working_key(keys: Sequence[Key], mode: str) -> Key | None:
    """Of these, the newest first, the first of that mode that is accepted now, and can be shown."""
    now = clock.now_ms()
    return next((key for key in keys if key.mode == mode and key.works(now) and not key.unopened), None)
