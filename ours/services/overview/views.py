"""The values that screens show: plain, frozen, and without anything left to compute in a template."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ours.clock import iso
from ours.core.balance import Balance
from ours.core.reasons import ABANDONED, Reason
from ours.core.retry import has_ended, is_ambiguous

STATES = ("delivered", "sunk", "pending", "sending", "retrying", "held", "rejected", "exhausted", "stopped")
UNDER_WAY = frozenset({"pending", "sending", "retrying"})


@dataclass(frozen=True, slots=True)
class Mark:
    """Where one dispatch stands, at a glance. ``id`` is None when the allow list refused the event: no row exists."""

    id: str | None
    destination_id: int
    destination: str
    state: str
    reason: str | None

    @property
    def document(self) -> dict[str, Any]:
        """As programs are given it."""
        return {"id": self.id, "destination": self.destination, "status": self.state, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Row:
    """One event in a list. Moments are milliseconds; ``visitor_id`` is a hash and names nobody by itself; ``aside``: it
    can't be routed before it can be opened.
    """

    id: str
    name: str
    mode: str
    source_id: int
    source: str
    occurred_at: int
    received_at: int
    routed: bool
    visitor_id: str | None
    dispatches: tuple[Mark, ...]
    aside: bool = False

    @property
    def tally(self) -> list[tuple[str, int, str]]:
        """(state, how many, the destinations' names) of the dispatches that exist, in the order of ``STATES``."""
        places: defaultdict[str, list[str]] = defaultdict(list)
        for mark in self.dispatches:
            if mark.id:
                places[mark.state].append(mark.destination)
        return [(state, len(places[state]), ", ".join(places[state])) for state in STATES if state in places]

    @property
    def refused(self) -> list[str]:
        """The names of the destinations whose allow list does not name the event."""
        return [mark.destination for mark in self.dispatches if not mark.id]

    @property
    def document(self) -> dict[str, Any]:
        """As programs are given it. Nothing of it is personal."""
        return {
            "id": self.id,
            "event": self.name,
            "mode": self.mode,
            "source": self.source,
            "occurredAt": iso(self.occurred_at),
            "receivedAt": iso(self.received_at),
            "visitor": self.visitor_id,
            "dispatches": [mark.document for mark in self.dispatches],
        }


@dataclass(frozen=True, slots=True)
class Page:
    """A page of rows, and the cursors to the pages beside it (None: there is none).

    ``searched``: how many events were looked through for it, where each had to be looked at.
    """

    rows: Sequence[Row]
    newer: str | None
    older: str | None
    searched: int | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try. ``request`` and ``response`` are redacted; ``since_last_ms`` is the wait before it; ``unopened``: why
    neither can be shown, if so.

    ``timing`` splits it: ``queue_ms`` (since the dispatch was made), ``build_ms``, ``connect_ms``, ``total_ms``.
    """

    number: int
    started_at: int
    duration_ms: int
    since_last_ms: int | None
    outcome: str
    code: str | None
    status: int | None
    plugin_version: str
    config_version: int
    request: Mapping[str, Any] | None
    response: Mapping[str, Any] | None
    message: str
    timing: Mapping[str, int]
    unopened: Reason | None = None

    @property
    def unsent(self) -> bool:
        """Whether it ended before anything was sent: a rule stopped it, or the mapping or the plugin had no request."""
        kept = self.request or self.response or self.status
        return self.outcome in {"skipped", "rejected"} and not kept


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One dispatch with the reason in words and all its attempts.

    ``standing``: its destination's status today; ``listed``: whether its allow list names the event today.
    """

    id: str | None
    event_id: str
    destination_id: int
    destination: str
    mode: str
    state: str
    reason: str | None
    why: Reason | None
    due_at: int | None = None
    replay_of: str | None = None
    replayed_by: str | None = None
    attempts: tuple[Attempt, ...] = ()
    standing: str | None = None
    listed: bool = True

    @property
    def ambiguous(self) -> bool:
        return is_ambiguous(self.state, self.reason)

    @property
    def repeatable(self) -> bool:
        """Whether it has ended, or nobody can say how, and nothing repeats it yet."""
        return self.id is not None and self.replayed_by is None and has_ended(self.state, self.reason)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whom an event is about. ``merged``: the event named another one, who is this one now.

    ``unopened``: why nothing is known of them, if so.
    """

    id: str
    facts: Sequence[tuple[str, str]]
    properties: Mapping[str, Any]
    merged: bool
    unopened: Reason | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One event with all it carries, and all that became of it. Personal values are masked unless ``clear``."""

    row: Row
    kind: str
    distinct_id: str | None
    groups: Mapping[str, Mapping[str, Any]]
    warnings: Sequence[Mapping[str, Any]]
    notes: Sequence[tuple[str, Reason]]
    visitor: Visitor | None
    dispatches: Sequence[Dispatch]
    clear: bool

    @property
    def alike(self) -> list[list[Dispatch]]:
        """The dispatches that exist, in their order; those that were never tried and share a reason, together."""
        groups: dict[object, list[Dispatch]] = {}
        for one in self.dispatches:
            if one.id:
                untried = one.reason and not one.attempts
                groups.setdefault((one.state, one.reason) if untried else one.id, []).append(one)
        return list(groups.values())

    @property
    def abandoned(self) -> bool:
        """Whether it was ended before anybody knew whose it is."""
        return any(code.startswith(ABANDONED) for code, _ in self.notes)

    @property
    def final(self) -> bool:
        """Whether nothing of it can be sent again: nobody knows whose it is, or they were forgotten."""
        return self.abandoned or any(code == "visitor_forgotten" for code, _ in self.notes)

    @property
    def settled(self) -> bool:
        """Whether nothing more is to come by itself in a moment."""
        return (self.row.routed or self.row.aside) and all(
            dispatch.state not in UNDER_WAY for dispatch in self.dispatches
        )


@dataclass(frozen=True, slots=True)
class Slot:
    """What came in one stretch of time; ``at`` is its start."""

    at: int
    live: int = 0
    test: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class Health:
    """Where a destination's dispatches stand, test ones among them."""

    states: Counter[str]

    @property
    def listed(self) -> list[tuple[str, int]]:
        """The states that any is in, from good to bad."""
        return [(state, self.states[state]) for state in STATES if self.states[state]]

    @property
    def delivered(self) -> int:
        return self.states["delivered"]

    @property
    def held(self) -> int:
        return self.states["held"]

    @property
    def open(self) -> int:
        return sum(self.states[state] for state in UNDER_WAY)

    @property
    def failed(self) -> int:
        return self.states["rejected"] + self.states["exhausted"]


@dataclass(frozen=True, slots=True)
class Standing:
    """The balance, and by destination the part it has in it (of what retention has not deleted); ``at``: when it was
    counted (milliseconds).
    """

    balance: Balance
    health: Mapping[int, Health]
    at: int
