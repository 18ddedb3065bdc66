"""The paths that a template or a condition may name, and how each is followed to a value."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, NamedTuple

from ours.core.catalogues import USER_PROPERTIES
from ours.core.categories import TWINS
from ours.plugin.envelope import iso as read_moment
from ours.plugin.types import Event, Visitor


class Context(NamedTuple):
    """What a mapping is applied to."""

    event: Event
    visitor: Visitor


def context_of(event: Event, visitor: Visitor) -> Context:
    """A visitor who is not known any more has an empty id, and is then left out like all that is missing."""
    return Context(event, visitor)


Step = Callable[[Context], Any]
iso = lru_cache(maxsize=512)(read_moment)  # one moment is asked for by many rows and destinations

_VALUES: Mapping[str, Step] = {
    "event.id": attrgetter("event.id"),
    "event.event": attrgetter("event.name"),
    "event.name": attrgetter("event.name"),
    "event.distinct_id": attrgetter("event.distinct_id"),
    "event.time": lambda context: iso(context.event.occurred_at),
    "event.time_ms": attrgetter("event.occurred_at"),
    "event.received_at": lambda context: iso(context.event.received_at),
    "event.user_id": lambda context: context.event.user_id or context.visitor.id or None,
    "event.external_id": attrgetter("event.external_id"),
    "event.email": attrgetter("event.email_sha256"),
    "event.request_context.ip": lambda context: context.event.identity_context.get("ip"),
    "event.request_context.user_agent": lambda context: context.event.identity_context.get("userAgent"),
    "visitor.id": lambda context: context.visitor.id or None,
    "visitor.external_id": attrgetter("visitor.external_id"),
    "visitor.email_sha256": attrgetter("visitor.email_sha256"),
}
"""Single values: nothing lies under them. ``event.email`` is the SHA-256; the clear one never left the front door."""

_BAGS: Mapping[str, Step] = {
    "event.event_properties": attrgetter("event.event_properties"),
    "event.default_properties": attrgetter("event.default_properties"),
}
"""Free-form objects: any keys lie under them."""
_VISITOR = attrgetter("visitor.properties")


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
    """How to get to a value. ``find`` gives it, null among them, or UNDEFINED; ``take`` gives None for both."""

    text: str
    find: Step = field(compare=False, repr=False)
    take: Step = field(compare=False, repr=False)

    @property
    def paths(self) -> tuple["Path", ...]:
        """Itself: as of what may have a second choice."""
        return (self,)


@dataclass(frozen=True, slots=True)
class FirstOf:
    """Paths of which the first that leads to a value gives it. A null that somebody sent is the end of it, too."""

    paths: tuple[Path, ...]

    def take(self, context: Context) -> Any:
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
    if value := _VALUES.get(bare):
        return Path(bare, _single(value), value)
    if bag := _BAGS.get(".".join(words[:2])):
        return Path(bare, _under(bag, words[2:], UNDEFINED), _under(bag, words[2:], None))
    if words[0] == "visitor" and len(words) > 1 and words[1] in USER_PROPERTIES and words[1] != "external_id":
        keys = _kept(words[1:])
        return Path(".".join(("visitor", *keys)), _under(_VISITOR, keys, UNDEFINED), _under(_VISITOR, keys, None))
    raise PathError(f"There is no “{bare}”. {_advice(words)}")


def _kept(keys: tuple[str, ...]) -> tuple[str, ...]:
    """A consent's lists have one name each in a profile, however they were sent; a rule that asks the other means it.

    It would stop nothing else, and nobody would know.
    """
    if keys[0] != "consent" or len(keys) == 1:
        return keys
    return (keys[0], TWINS.get(keys[1], keys[1]), *keys[2:])


def _single(value: Step) -> Step:
    def find(context: Context) -> Any:
        found = value(context)
        return UNDEFINED if found is None else found

    return find


def _under(bag: Step, keys: Sequence[str], nothing: Any) -> Step:
    """What lies in ``bag`` at ``keys``, or ``nothing``. Most have one key: those are looked up at once."""
    if len(keys) == 1:
        (only,) = keys
        return lambda context: bag(context).get(only, nothing)

    def walk(context: Context) -> Any:
        found = follow(bag(context), keys)
        return nothing if found is UNDEFINED else found

    return walk if keys else bag


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
