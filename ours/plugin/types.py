"""The frozen values a plugin meets: what it is handed, and what it may conclude."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Mode = Literal["live", "test"]
IDENTIFY = "$identify"
"""The name of the event when a visitor was updated and nothing happened."""

NOT_THE_API = "not_the_api"
"""The code of what something else than the vendor's API answered, whatever its status says."""


class SecretValue:
    """A secret that can't be shown by accident: only ``reveal()`` gives the text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "••••"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretValue) and other._text == self._text

    def __hash__(self) -> int:
        return hash((SecretValue, self._text))

    def __reduce__(self) -> Any:
        raise TypeError("a secret is not pickled")


@dataclass(frozen=True)
class Event:
    """An event as received. Times are milliseconds since the UTC epoch."""

    id: str
    name: str
    distinct_id: str
    occurred_at: int
    received_at: int
    user_id: str | None = None
    external_id: str | None = None
    email_sha256: str | None = None
    event_properties: Mapping[str, Any] = field(default_factory=dict)
    user_properties: Mapping[str, Any] = field(default_factory=dict)
    default_properties: Mapping[str, Any] = field(default_factory=dict)
    identity_context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Visitor:
    """Whom an event is about. ``properties`` holds the known fields, ``custom_properties`` and ``consent``."""

    id: str
    external_id: str | None = None
    email_sha256: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Delivery:
    """What ``build`` turns into a request.

    ``id`` is the same at every try, and in a replay too unless a new one was asked for. ``fields`` is the mapping's
    result: all that may leave. ``attempt`` counts from 1; ``now`` is the moment of this attempt (milliseconds), so that
    ``build`` needs no clock. ``token`` is what ``token_request`` fetched; a placeholder in test mode.
    """

    id: str
    event: Event
    fields: Mapping[str, Any]
    settings: Mapping[str, Any]
    attempt: int = 1
    now: int = 0
    token: SecretValue | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """It arrived. ``note`` is kept with the attempt (a vendor's trace id, say)."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """It had arrived before."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """The plugin decided that this event is not for this destination. ``reason`` is a short machine word."""

    reason: str
    message: str = ""


NO_CONVERSION = Skipped("no_conversion", "An identify tells who somebody is: nothing was bought or done.")
"""What a destination that takes conversions alone says of ``IDENTIFY``."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The destination will never take it. ``code`` is a short machine word or the vendor's own code."""

    code: str
    message: str = ""
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now. ``after`` is the number of seconds the destination asked us to wait, if it did.

    ``throttle``: we were too fast, so with ``after`` the whole destination rests that long, and no try is used up.
    """

    code: str
    message: str = ""
    after: float | None = None
    throttle: bool = False


@dataclass(frozen=True, slots=True)
class Unauthorized:
    """Our credentials were refused. It is tried again; five in a row pause the destination until a person mends it."""

    code: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Split:
    """Not taken with the others of its batch: it is sent again at once in a smaller one. Alone, it is rejected."""

    code: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can say whether it arrived (the answer never came)."""

    code: str
    message: str = ""


Outcome = Delivered | Duplicate | Skipped | Rejected | Retry | Unauthorized | Split | Unknown


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and how many seconds it is good for."""

    value: SecretValue
    seconds: float
