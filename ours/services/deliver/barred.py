"""Whom a worker leaves alone for now: a destination that asked for it, and one whose plugin does not do its part."""

from collections import Counter
from collections.abc import Iterable

from ours.core.breaker import REFUSALS_IN_A_ROW


class Barred:
    """``ids``: the destinations for which nothing is begun, and whose plugins are not called.

    A rest lasts until ``wake``. A plugin that did not come back from a call, or failed to build five times in a row, is
    left alone for one round: the others have their turn meanwhile.
    """

    def __init__(self) -> None:
        self.ids: set[int] = set()
        self._resting: set[int] = set()
        self._stuck: set[int] = set()
        self._at_fault: set[int] = set()
        self._unbuilt: Counter[int] = Counter()

    def begin_round(self) -> None:
        for of_a_round in (self._stuck, self._at_fault, self._unbuilt):
            of_a_round.clear()
        self.ids = set(self._resting)

    def let_rest(self, destination_id: int) -> None:
        self._resting.add(destination_id)
        self.ids.add(destination_id)

    def wake(self, destination_ids: Iterable[int]) -> None:
        """Their rest is over, if they had one."""
        if self._resting:
            self._resting.difference_update(destination_ids)
            self.ids = self._resting | self._at_fault

    def is_stuck(self, destination_id: int) -> bool:
        """Whether its plugin did not come back from a call in this round."""
        return destination_id in self._stuck

    def note_stuck(self, destination_id: int) -> None:
        self._stuck.add(destination_id)
        self._bar(destination_id)

    def note_unbuilt(self, destination_id: int) -> bool:
        """Its plugin failed to build; whether that bars it."""
        self._unbuilt[destination_id] += 1
        if self._unbuilt[destination_id] < REFUSALS_IN_A_ROW:
            return False
        self._bar(destination_id)
        return True

    def note_built(self, destination_id: int) -> None:
        if self._unbuilt:
            self._unbuilt.pop(destination_id, None)

    def _bar(self, destination_id: int) -> None:
        self._at_fault.add(destination_id)
        self.ids.add(destination_id)
