"""Compares what backends were promised with what the receiver heard."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from tests.chaos.hostile import Heard
from tests.chaos.killing import Blow

_RECORDED_WITHIN = 3.0
"""Seconds after its answer in which a delivery is surely written down, on a machine as busy as this one is then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``lost``: accepted, and neither taken nor refused for good by the receiver. Everything else explains itself."""

    accepted: int
    owed: int
    delivered: int
    refused: int
    lost: int
    tests_seen: int
    duplicates: int
    cut_off: int
    unexplained: int
    kills: Mapping[str, int]
    recovery: Mapping[str, float]
    usual_recovery: float
    settled_after: float
    difference: int
    faults: int
    surprises: Sequence[int]
    asked_to_wait: int
    unanswered: int

    @property
    def holds(self) -> bool:
        wrong = (self.lost, self.tests_seen, self.unexplained, self.difference, self.faults, self.unanswered)
        return self.accepted > 0 and not any(wrong) and not self.surprises

    def document(self) -> dict[str, Any]:
        return asdict(self) | {"holds": self.holds}


def losses(accepted: Mapping[str, float], heard: Sequence[Heard], paths: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of event and path of which the receiver neither took nor refused anything."""
    ended = {(one.event, one.path) for one in heard if one.taken or one.refused}
    return [(event, path) for event in accepted for path in paths if (event, path) not in ended]


def duplicates(heard: Sequence[Heard], blows: Sequence[Blow]) -> tuple[int, int, list[Heard]]:
    """How often a delivery was taken once more; how often because its answer was cut off, so that nobody could know;
    and those repeats that neither this nor a blow between sending and recording explains."""
    taken: defaultdict[str, list[Heard]] = defaultdict(list)
    for one in heard:
        if one.taken:
            taken[one.delivery].append(one)
    repeats = [(one, two) for several in taken.values() for one, two in pairwise(several)]
    cut = [one for one, _ in repeats if one.mood == "cut"]
    rest = [two for one, two in repeats if one.mood != "cut" and not _explained(one, two, blows)]
    return len(repeats), len(cut), rest


def recoveries(
    accepted: Mapping[str, float], heard: Sequence[Heard], blows: Sequence[Blow], path: str
) -> list[tuple[str, float]]:
    """After each blow, its victim and the seconds until something younger had arrived at ``path``."""
    arrived = {one.event: one.at for one in reversed(heard) if one.path == path}
    moments = sorted((at, arrived[event]) for event, at in accepted.items() if event in arrived)
    found = []
    for blow in blows:
        later = [receipt for at, receipt in moments if at > blow.at]
        if later:
            found.append((blow.victim, min(later) - blow.at))
    return found


def _explained(first: Heard, again: Heard, blows: Sequence[Blow]) -> bool:
    return any(first.at - 0.5 <= blow.at <= min(again.at, first.at + _RECORDED_WITHIN) for blow in blows)
