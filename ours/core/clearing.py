"""How fast what is old is deleted: as fast as more comes in, and gently where that is enough."""

from collections.abc import Sequence

MOST, _SMALLEST, _SMALLEST_BEHIND = 500, 100, 250
_MOMENT, _MOMENT_BEHIND = 0.005, 0.02
_SHORTEST, _USUAL, _LONGEST = 1.0, 2.0, 30.0
"""Rests: so many times as long as the chunk before took."""
_AHEAD = 1.25
"""So many times as many are deleted as come in."""
_SOON = 3600.0
"""Seconds: what is overdue would be gone by then, at the speed with which its deletion begins."""
_FAR = 5.0
"""Seconds: nobody is further ahead."""


def fit(rows: int, took: float, *, behind: bool = False) -> int:
    """How many rows the next chunk may delete, after one of ``rows`` kept the turn for ``took`` seconds.

    It is smaller when that was longer than a moment, and a little larger when it was shorter. ``behind``: more comes in
    than is deleted. Then a moment is longer and chunks are larger, for each waits for its turn and for the processor.
    """
    moment, smallest = (_MOMENT_BEHIND, _SMALLEST_BEHIND) if behind else (_MOMENT, _SMALLEST)
    fits = rows * min(max(moment / max(took, 0.001), 0.5), 1.25)
    return min(max(round(fits), smallest), MOST)


def pace(took: float, spare: float, soon: float) -> float:
    """How many seconds to rest after a chunk that took so many.

    ``spare``: seconds until as much has come in as was deleted; none are left while deletion is behind. To keep up,
    every other moment is taken if need be. ``soon``: in how many seconds the next chunk is to follow for the sake of
    what is overdue. For that two of three moments stay free at least.
    """
    wanted = min(spare, max(soon, took * _USUAL))
    return min(max(wanted, took * _SHORTEST), took * _LONGEST)


class Clearing:
    """One kind of rows that is deleted: how many a chunk may delete, and how long to rest after it."""

    def __init__(self) -> None:
        self.rows = MOST
        self._comes = self._overdue = 0.0
        self._even = 0.0  # at this moment as much will have come in as was deleted

    def begin(self, comes: float, now: float) -> None:
        """``comes``: how many come in a second; so far nothing is behind."""
        self._comes = comes
        self._even = max(self._even, now)

    def look(self, moments: Sequence[int], before: int, *, more: bool) -> None:
        """``moments`` (milliseconds) of the oldest, in order. ``more``: others lie between them and ``before``. These
        are taken to be as close to each other.
        """
        self._overdue = _as_close(moments, before) if more else 0.0

    def rest_after(self, took: float, deleted: int, now: float) -> float:
        """How many seconds to rest after a chunk that ``deleted`` so many of them in ``took`` seconds until ``now``.

        What was never begun is of a kind of which few come.
        """
        if not self._even:
            self.rows = fit(self.rows, took)
            return took * _USUAL
        rate = max(self._comes * _AHEAD, 1e-6)
        self._even = min(self._even + deleted / rate, now + _FAR)
        spare = self._even - now
        self.rows = fit(self.rows, took, behind=spare < took * _SHORTEST)
        return pace(took, spare, deleted / (rate + self._overdue / _SOON) - took)


def _as_close(moments: Sequence[int], before: int) -> float:
    return len(moments) * max(before - moments[-1], 0) / max(moments[-1] - moments[0], 1)
