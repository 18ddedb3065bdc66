"""The paths that a template or a condition may name, and how each is followed to a value."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

from ours.core.catalogues import USER_PROPERTIES
from ours.plugin.envelope import iso as read_moment
from ours.plugin.types import Event, Visitor


class Context(NamedTuple):
    """What a mapping is applied to."""

    event: Event
    visitor: Visitor


def context_of(event: Event, visitor: Visitor) -> Context:
    """A visitor who is not known any more has an empty id, and is then left out like all that is missing."""
    return Context(event, visitor)


Head = Callable[[Context], Any]
iso = lru_cache(maxsize=512)(read_moment)  # one moment is asked for by many rows and destinations

_VALUES: Mapping[str, Head] = {
    "event.id": lambda context: context.event.id,
    "event.event": lambda context: context.event.name,
    "event.name": lambda context: context.event.name,
    "event.distinct_id": lambda context: context.event.distinct_id,
    "event.time": lambda context: iso(context.event.occurred_at),
    "event.time_ms": lambda context: context.event.occurred_at,
    "event.received_at": lambda context: iso(context.event.received_at),
    "event.user_id": lambda context: context.event.user_id or context.visitor.id or None,
    "event.external_id": lambda context: context.event.external_id,
    "event.email": lambda context: context.event.email_sha256,
    "event.request_context.ip": lambda context: context.event.identity_context.get("ip"),
    "event.request_context.user_agent": lambda context: context.event.identity_context.get("userAgent"),
    "visitor.id": lambda context: context.visitor.id or None,
    "visitor.external_id": lambda context: context.visitor.external_id,
    "visitor.email_sha256": lambda context: context.visitor.email_sha256,
}
"""Single values: nothing lies under them. ``event.email`` is the SHA-256; the clear one never left the front door."""

_BAGS: Mapping[str, Head] = {
    "event.event_properties": lambda context: context.event.event_properties,
    "event.default_properties": lambda context: context.event.default_properties,
}
"""Free-form objects: any keys lie under them."""


class Undefined:
    """What a path finds that leads nowhere. A null that somebody sent is a value: None."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "undefined"


UNDEFINED: Final = Undefined()


class PathError(ValueError):
    """A path names nothing that exists; its text is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Path:
    """Where to begin, and the keys to follow from there. Calling it gives the value, or None when it leads nowhere."""

    text: str
    head: Head
    keys: tuple[str, ...] = ()

    def __call__(self, context: Context) -> Any:
        found = self.find(context)
        return None if found is UNDEFINED else found

    def find(self, context: Context) -> Any:
        """The value, null among them, or UNDEFINED."""
        value = self.head(context)
        if not self.keys:
            return UNDEFINED if value is None else value
        return follow(value, self.keys)


@dataclass(frozen=True, slots=True)
class FirstOf:
    """Paths of which the first that leads to a value gives it. A null that somebody sent is the end of it, too."""

    paths: tuple[Path, ...]

    def __call__(self, context: Context) -> Any:
        return next((found for path in self.paths if (found := path.find(context)) is not UNDEFINED), None)


def parse_first(text: str) -> Path | FirstOf:
    """``a.path`` or ``a.path || another.path``.

    :raises PathError: when there can never be a value at one of them.
    """
    paths = tuple(map(parse, text.split("||")))
    return paths[0] if len(paths) == 1 else FirstOf(paths)


def parse(text: str) -> Path:
    """:raises PathError: when there can never be a value at this path."""
    bare = text.strip()
    words = tuple(bare.split("."))
    if not all(words):
        raise PathError(f"“{text}” has an empty part. Name a value as in {{{{event.event_properties.value}}}}.")
    if bare in _VALUES:
        return Path(bare, _VALUES[bare])
    if bag := _BAGS.get(".".join(words[:2])):
        return Path(bare, bag, words[2:])
    if words[0] == "visitor" and len(words) > 1 and words[1] in USER_PROPERTIES and words[1] != "external_id":
        return Path(bare, _visitor_properties, words[1:])
    raise PathError(f"There is no “{bare}”. {_advice(words)}")


def _visitor_properties(context: Context) -> Any:
    return context.visitor.properties


def follow(value: Any, keys: Sequence[str]) -> Any:
    """What lies under ``value`` at ``keys``, null among them, or UNDEFINED. In a list, keys are numbers from 0."""
    for key in keys:
        value = _step(value, key)
        if value is UNDEFINED:
            break
    return value


def _step(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(key, UNDEFINED)
    if isinstance(value, list) and len(key) < 6 and key.isdecimal() and int(key) < len(value):
        return value[int(key)]
    return UNDEFINED


def _advice(words: tuple[str, ...]) -> str:
    if ".".join(words[:2]) in _VALUES:
        return f"{'.'.join(words[:2])} is a single value: nothing lies under it."
    if words[0] == "visitor":
        return "Of a visitor there are id, email_sha256 and the known user properties, custom_properties.… among them."
    if words[0] == "event":
        names = sorted(path.removeprefix("event.") for path in _VALUES if path.startswith("event."))
        return f"Of an event there are event_properties.…, default_properties.…, {', '.join(names)}."
    return "Paths begin with event. or visitor."
