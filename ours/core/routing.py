"""Decides where an event goes: for every destination that exists, one decision with a reason."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from ours.core import governance, ranges
from ours.core.allow import allows
from ours.core.governance import Rule
from ours.core.incoming import Kind
from ours.core.retry import State
from ours.plugin.types import Mode

Status = Literal["on", "paused", "off"]


class Gate(NamedTuple):
    """A destination as routing sees it: what lets an event pass, or not. Removed ones have none.

    ``allowed`` holds name keys, or ``*``.

    ``breaker_open`` is true until the breaker has closed again: what comes waits with the rest. ``ordered``: it takes
    the events of a visitor in order. ``sources`` are those that it listens to; None: all.
    """

    destination_id: int
    status: Status
    plugin_present: bool
    allowed: Collection[str]
    breaker_open: bool = False
    ordered: bool = False
    sources: Collection[int] | None = None
    category: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """A dispatch to be made. The reason says why it does not simply wait for its first try."""

    destination_id: int
    state: State
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """``owed`` decisions were made for an event: one for each of ``dispatches`` and one for each id in ``refused``.

    Those are written as ranges.
    """

    owed: int
    refused: str
    dispatches: list[Planned]


def plan(
    event_name: str,
    kind: Kind,
    mode: Mode,  # noqa: ARG001
    gates: Sequence[Gate],
    *,
    source_id: int | None = None,
    fired: Sequence[Rule] = (),
) -> Plan:
    """Where an event goes. Both modes take the same road: test mode differs in the sender alone.

    Asked in turn: the allow list, the sources that a destination listens to, the governance rules that ``fired`` for
    the event, and how the destination stands. An identify is owed only to the destinations that list it by name, so it
    is never refused.
    """
    dispatches, refused = [], []
    for gate in gates:
        if allows(gate.allowed, event_name, kind):
            dispatches.append(_barred(gate, source_id, fired) or _planned(gate))
        elif kind == "track":
            refused.append(gate.destination_id)
    return Plan(len(dispatches) + len(refused), ranges.write(refused), dispatches)


class Planner:
    """Plans many events for the same destinations: what is alike in all that ``plan`` asks of is decided once."""

    def __init__(self, gates: Iterable[Gate]) -> None:
        self._gates = list(gates)
        self._made: dict[tuple[Any, ...], Plan] = {}

    def plan(self, event_name: str, kind: Kind, mode: Mode, source_id: int | None, fired: Sequence[Rule]) -> Plan:
        """Not to be changed: others may get the same one."""
        asked = event_name, kind, mode, source_id, tuple((rule.name, rule.covers) for rule in fired)
        made = self._made.get(asked)
        if made is None:
            made = plan(event_name, kind, mode, self._gates, source_id=source_id, fired=fired)
            self._made[asked] = made
        return made


def hears(sources: Collection[int] | None, source_id: int | None) -> bool:
    """Whether a destination that listens to these sources (None: all) listens to that one (None: not to be asked)."""
    return sources is None or source_id is None or source_id in sources


def _barred(gate: Gate, source_id: int | None, fired: Sequence[Rule]) -> Planned | None:
    """The dispatch that says which rule keeps the event here; None when it may leave."""
    if not hears(gate.sources, source_id):
        return Planned(gate.destination_id, "stopped", "source_not_heard")
    if rule := governance.stopping(fired, gate.destination_id, gate.category):
        return Planned(gate.destination_id, "stopped", rule.reason)
    return None


def _planned(gate: Gate) -> Planned:
    if gate.status == "off":
        return Planned(gate.destination_id, "stopped", "destination_off")
    if gate.status == "paused":
        return Planned(gate.destination_id, "held", "destination_paused")
    if not gate.plugin_present:
        return Planned(gate.destination_id, "held", "plugin_missing")
    if gate.breaker_open:
        return Planned(gate.destination_id, "held", "breaker_open")
    return Planned(gate.destination_id, "pending")
