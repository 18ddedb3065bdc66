"""Whom a worker leaves alone for now: a destination that asked for it, and one whose plugin does not do its part."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from ours import log
from ours.core.breaker import REFUSALS_IN_A_ROW

_logger, _seldom = log.get("deliver"), log.Seldom()
ITS_SECONDS = 1.5
"""So long may the calls of one plugin take in one round, all together."""
ALL_SECONDS = 2.0
"""The same of all plugins: leases are renewed between two rounds, and have to outlast them."""


class Barred:
    """``ids``: the destinations for which nothing is begun, and whose plugins are not called. ``hurried``: not all
    that there is to do can be done in this round.

    A rest lasts until ``wake``. A plugin that failed to build five times in a row is left alone for one round: the
    others have their turn meanwhile.

    A call that does not come back takes seconds, in which nothing else goes on: two of them in one round, and what is
    in hand loses its connections and its lease. So the round is over with the first, and that plugin is left alone, for
    all of its destinations, until a round went well.

    Many calls that each come back, but not soon, add up to the same. So a plugin that had its time is left alone for
    the rest of the round; and when all of them together had theirs, the round is over, and whoever took most of it
    waits as above.
    """

    def __init__(self) -> None:
        self.ids: set[int] = set()
        self._resting: set[int] = set()
        self._stuck: set[str] = set()
        self._slow: set[str] = set()
        self._took: defaultdict[str, float] = defaultdict(float)
        self._took_for: dict[str, int] = {}
        self._all_took = 0.0
        self._over = self.hurried = False
        self._at_fault: set[int] = set()
        self._unbuilt: Counter[int] = Counter()

    def begin_round(self) -> None:
        if not self._over:
            self._stuck.clear()
            self._slow.clear()
        self._over, self.hurried, self._all_took = False, False, 0.0
        for of_a_round in (self._took, self._at_fault, self._unbuilt):
            of_a_round.clear()
        self.ids = set(self._resting)

    def bars(self, destination_id: int, slug: str) -> bool:
        return self._over or slug in self._slow or self.shuts_out(destination_id, slug)

    def shuts_out(self, destination_id: int, slug: str) -> bool:
        """Whether that is for another reason than time: what there is for it is handed back."""
        return destination_id in self.ids or slug in self._stuck

    def had_its_time(self, slug: str) -> bool:
        """Whether nothing more is asked of that plugin in this round, not even what an answer means."""
        return self._over or self._took[slug] > ITS_SECONDS

    def note_time(self, slug: str, seconds: float, destination_id: int) -> None:
        """A call of that plugin for that destination took so long."""
        self._took[slug] += seconds
        self._took_for[slug] = destination_id
        self._all_took += seconds
        if self._took[slug] > ITS_SECONDS:
            self._have_wait(slug)
        if self._all_took > ALL_SECONDS:
            self._have_wait(max(self._took, key=self._took.__getitem__))
            self._over = True

    def _have_wait(self, slug: str) -> None:
        self._slow.add(slug)
        self.hurried = True
        if times := _seldom.times(slug):
            took, last = round(self._took[slug], 1), self._took_for[slug]
            _logger.warning("plugin_slow", plugin=slug, destination=last, seconds=took, times=times)

    def let_rest(self, destination_id: int) -> None:
        self._resting.add(destination_id)
        self.ids.add(destination_id)

    def wake(self, destination_ids: Iterable[int]) -> None:
        """Their rest is over, if they had one."""
        if self._resting:
            self._resting.difference_update(destination_ids)
            self.ids = self._resting | self._at_fault

    def is_stuck(self, slug: str) -> bool:
        """Whether the plugin did not come back from a call lately."""
        return slug in self._stuck

    def note_stuck(self, slug: str) -> None:
        self._stuck.add(slug)
        self._over = self.hurried = True

    def note_unbuilt(self, destination_id: int) -> bool:
        """Its plugin failed to build; whether that bars it."""
        self._unbuilt[destination_id] += 1
        if self._unbuilt[destination_id] < REFUSALS_IN_A_ROW:
            return False
        self._at_fault.add(destination_id)
        self.ids.add(destination_id)
        return True

    def note_built(self, destination_id: int) -> None:
        if self._unbuilt:
            self._unbuilt.pop(destination_id, None)
