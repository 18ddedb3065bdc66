"""What an explanation says: plain values, personal ones masked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Step:
    """One question on the road. ``good``: it let the event pass."""

    name: str
    good: bool
    words: str


@dataclass(frozen=True, slots=True)
class Field:
    """One row of the mapping: from which paths, what they gave, what was done to it, and what came of it.

    ``layer`` says who wrote the row: the plugin, the destination, or a conditional mapping by its name. ``given``: the
    field is among those that the plugin is handed, if nothing stops the event before. ``hashed``: the plugin lets it
    out as a hash alone.
    """

    field: str
    layer: str
    template: str
    paths: Sequence[str]
    taken: Any
    modification: str
    value: Any
    given: bool
    hashed: bool


@dataclass(frozen=True, slots=True)
class Chain:
    """What led to a dispatch, or kept it from being made (``dispatch_id`` None).

    ``version`` is the configuration that the fields were worked out with; ``then``: the one that acted.
    """

    dispatch_id: str | None
    event_id: str
    event: str
    destination_id: int
    destination: str
    state: str
    reason: str | None
    version: int
    then: bool
    case: str | None
    steps: Sequence[Step]
    fields: Sequence[Field]


@dataclass(frozen=True, slots=True)
class Use:
    """A row that lets a path out. ``delivered`` counts the latest events with a value there that arrived.

    ``hashed``: what the row gives leaves as a hash alone, for the plugin sees to it.
    """

    destination_id: int
    destination: str
    status: str
    layer: str
    field: str
    template: str
    modification: str
    hashed: bool
    delivered: int
