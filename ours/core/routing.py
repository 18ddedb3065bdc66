"""Decides where an event goes: for every destination that exists, one decision with a reason."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from ours.core.allow import allows
from ours.core.incoming import Kind
from ours.core.retry import State
from ours.plugin.types import Mode

Status = Literal["on", "paused", "off"]


@dataclass(frozen=True, slots=True)
class Target:
    """A destination as routing sees it. ``allowed`` holds name keys, or ``*``; removed destinations are not targets.

    ``breaker_open`` is true until the breaker has closed again: what comes waits with the rest. ``ordered``: it takes
    the events of a visitor in order.
    """

    destination_id: int
    status: Status
    plugin_present: bool
    allowed: Collection[str]
    breaker_open: bool = False
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Planned:
    """A dispatch to be made. The reason says why it does not simply wait for its first try."""

    destination_id: int
    state: State
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """``owed`` decisions were made for an event: one for each of ``dispatches`` and one for each id in ``refused``."""

    owed: int
    refused: list[int]
    dispatches: list[Planned]


def plan(event_name: str, kind: Kind, mode: Mode, targets: Sequence[Target]) -> Plan:  # noqa: ARG001
    """Where an event goes. Both modes take the same road: test mode differs in the sender alone.

    An identify is owed only to the destinations that list it by name, so it is never refused.
    """
    dispatches, refused = [], []
    for target in targets:
        if allows(target.allowed, event_name, kind):
            dispatches.append(_planned(target))
        elif kind == "track":
            refused.append(target.destination_id)
    return Plan(len(dispatches) + len(refused), refused, dispatches)


def _planned(target: Target) -> Planned:
    if target.status == "off":
        return Planned(target.destination_id, "stopped", "destination_off")
    if target.status == "paused":
        return Planned(target.destination_id, "held", "destination_paused")
    if not target.plugin_present:
        return Planned(target.destination_id, "held", "plugin_missing")
    if target.breaker_open:
        return Planned(target.destination_id, "held", "breaker_open")
    return Planned(target.destination_id, "pending")
