"""Decides anew about a dispatch that is to be repeated: by the rules of today, and by the same function as routing.

Governance looks into the event and the visitor, and is asked again at each try: what it stops ends there.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol, cast

from ours.core import routing
from ours.core.incoming import Kind
from ours.core.reasons import describe
from ours.core.routing import Gate, Planned
from ours.errors import Invalid
from ours.plugin.types import Mode
from ours.store.queries.replay import Candidate

Gates = Mapping[int, Gate]
_SENTENCES = {
    "destination_removed": "There is no such destination, or it was removed for good.",
    "destination_off": "Its destination is off. Turn it on first.",
    "not_allowed": "The event is not on the destination's allow list. If it may leave, add its name there first.",
    "forgotten": "Its visitor was forgotten, which can't be undone.",
    "visitor_unknown": "Its visitor is not known: it was abandoned. `ours secrets abandon REASON --undo` routes it.",
}
_BARRED = {"forgotten", "visitor_unknown"}


class Subject(Protocol):
    """What the rules look at."""

    @property
    def mode(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def source_id(self) -> int: ...


def decide(known: Gates, destination_id: int, subject: Subject, reason: str | None = None) -> Planned:
    """Where a replay begins; ``stopped``, with the reason why, when it may not be made at all."""
    if reason in _BARRED:
        return Planned(destination_id, "stopped", reason)
    gate = known.get(destination_id)
    if gate is None:
        return Planned(destination_id, "stopped", "destination_removed")
    kind, mode = cast("Kind", subject.kind), cast("Mode", subject.mode)
    plan = routing.plan(subject.name, kind, mode, [gate], source_id=subject.source_id)
    return plan.dispatches[0] if plan.dispatches else Planned(destination_id, "stopped", "not_allowed")


def permitted(known: Gates, old: Iterable[Candidate]) -> list[tuple[Candidate, Planned]]:
    """Those that may go, each with where its replay begins."""
    decided = [(one, decide(known, one.destination_id, one, one.reason)) for one in old]
    return [(one, planned) for one, planned in decided if planned.state != "stopped"]


def check(planned: Planned) -> Planned:
    """:raises Invalid: when a replay may not be made, saying why."""
    if planned.state == "stopped":
        raise Invalid(f"It can't be replayed. {why_not(planned.reason)}")
    return planned


def why_not(reason: str | None) -> str:
    """Why a replay may not be made, in a sentence."""
    return _SENTENCES.get(reason or "") or describe(reason).words
