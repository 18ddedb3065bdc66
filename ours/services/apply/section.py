"""What a part of the configuration file must be able to do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ours.services.actors import Who

Verb = Literal["add", "change", "off"]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs. ``details`` are for people, without secrets; ``make`` does it and says who did."""

    verb: Verb
    what: str
    name: str
    details: Sequence[str]
    make: Callable[[Who], object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class How:
    """How to read the file.

    ``environ`` is what ``${NAME}`` refers to; ``prune``: what the file does not name goes off; ``why`` is kept with
    each version. ``named`` are the names in each section, by how they look: they will be there.
    """

    environ: Mapping[str, str]
    prune: bool = False
    why: str = ""
    named: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


class Section(Protocol):
    """One key of the file. A new one is a class with this, and an entry in ``Configuration``'s list."""

    @property
    def name(self) -> str: ...

    def export(self, *, references: bool) -> Any:
        """What there is now. ``references``: secrets as ``${NAME}``, for another installation."""
        ...

    def plan(self, given: Any, how: How) -> Sequence[Change]:
        """What must change so that it is as given; nothing when it is so.

        :raises Invalid: when it can't be done. Nothing is changed by planning.
        """
        ...
