"""Chooses the mapping for an event, and applies it: the whole of what a destination is handed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ours.core.frozen import event_with
from ours.core.logic import Logic
from ours.core.mapping.compiling import Compiled
from ours.core.mapping.rows import EVENT_NAME
from ours.core.paths import Context
from ours.plugin.types import Event, Rejected


@dataclass(frozen=True, slots=True)
class Case:
    """A conditional mapping: its rows laid over all others, for events that its conditions hold for."""

    name: str
    logic: Logic
    mapping: Compiled


class Released(NamedTuple):
    """What may leave. ``event`` has a name, ids and times, and nothing of what the caller sent or of the visitor.

    ``case`` is the conditional mapping that was chosen; ``missing`` are required fields without a value.
    """

    event: Event
    fields: Mapping[str, Any]
    missing: list[str]
    case: str | None = None

    def refusal(self) -> Rejected:
        """Where something is missing."""
        return Rejected("field_missing", f"The mapping gives no value for {', '.join(self.missing)}.", self.missing[0])


@dataclass(frozen=True, slots=True)
class Mapper:
    """A destination's mapping, conditional ones in their order."""

    default: Compiled
    cases: tuple[Case, ...] = ()

    def choose(self, context: Context) -> tuple[str | None, Compiled]:
        """The first conditional mapping that fires, or the default one."""
        for case in self.cases:
            if case.logic.fires(context):
                return case.name, case.mapping
        return None, self.default

    def apply(self, context: Context) -> Released:
        name, mapping = self.choose(context)
        given = mapping.name_of(context)
        seen = (
            context if given == context.event.name else context._replace(event=replace(context.event, name=given or ""))
        )
        fields = mapping.apply(seen)
        missing = mapping.missing(fields) if given else [EVENT_NAME]
        return Released(released(seen.event), fields, missing, name)


def released(event: Event) -> Event:
    """The event without all that only a mapping may release."""
    return event_with(event.id, event.name, event.distinct_id, event.occurred_at, event.received_at, {})
