"""An event on its way in: what validation makes of a caller's body."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["track", "identify"]


@dataclass(frozen=True, slots=True)
class Notice:
    """One warning of an answer: what was changed or ignored, where, and why."""

    field: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A valid event or identify. ``email_sha256`` is all that is left of the top-level email (hex).

    ``time`` is the moment as the caller sent it, if they did: what tells a repeat from another event.
    """

    kind: Kind = "track"
    name: str
    occurred_at: int
    time: int | None = None
    distinct_id: str | None = None
    user_id: str | None = None
    external_id: str | None = None
    email_sha256: str | None = None
    event_properties: Mapping[str, Any] = field(default_factory=dict)
    user_properties: Mapping[str, Any] = field(default_factory=dict)
    default_properties: Mapping[str, Any] = field(default_factory=dict)
    identity_context: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[Notice, ...] = ()

    def payload(self) -> dict[str, Any]:
        """What is sealed into the event's row: all that has no column of its own and is not empty."""
        bag = {
            "distinct_id": self.distinct_id,
            "user_id": self.user_id,
            "external_id": self.external_id,
            "email_sha256": self.email_sha256,
            "event_properties": self.event_properties,
            "user_properties": self.user_properties,
            "default_properties": self.default_properties,
            "identity_context": self.identity_context,
            "warnings": [asdict(notice) for notice in self.warnings],
        }
        return {name: value for name, value in bag.items() if value}
