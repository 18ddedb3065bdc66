"""The conservation law in figures: every decision that is owed is in exactly one state, or the difference shows it."""

from collections.abc import Mapping
from dataclasses import dataclass

from ours.core.retry import STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was counted, what retention has deleted among it.

    ``owed``, of which ``refused`` by allow lists: over routed events. ``unrouted``: track events that wait for the
    route station. ``destinations``: those that exist now. ``states``: dispatches, replays among them, by state.
    """

    accepted: int
    owed: int
    refused: int
    replays: int
    unrouted: int
    destinations: int
    states: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Decisions expected and found, by state. Not routed yet counts as pending, refused by an allow list as stopped."""

    accepted: int
    expected: int
    pending: int
    sending: int
    retrying: int
    delivered: int
    rejected: int
    exhausted: int
    stopped: int
    held: int
    sunk: int

    @property
    def found(self) -> int:
        done = self.delivered + self.rejected + self.exhausted + self.stopped + self.sunk
        return done + self.pending + self.sending + self.retrying + self.held

    @property
    def difference(self) -> int:
        """Expected less found. Anything but zero means that a decision was lost or made twice."""
        return self.expected - self.found


def balance(figures: Figures) -> Balance:
    waiting = figures.unrouted * figures.destinations
    count = {state: figures.states.get(state, 0) for state in STATES}
    count["pending"] += waiting
    count["stopped"] += figures.refused
    return Balance(accepted=figures.accepted, expected=figures.owed + figures.replays + waiting, **count)
