"""What is asked for, and what would come of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from ours.store.queries.replay import FAILED, Filter

__all__ = ["FAILED", "Filter", "Preview"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a replay would do: ``count`` new dispatches, by the ``states`` of those that they repeat.

    ``oldest`` and ``newest`` say when those were made (milliseconds). ``barred``: reason → how many match and may not
    go. ``ruled`` of the count were stopped by a rule of governance, which is asked again at each try; ``kept`` of it
    go to destinations that keep them for now. ``seconds`` is a guess at how long it takes, from how long the latest
    tries took.
    """

    count: int
    states: Mapping[str, int]
    oldest: int | None
    newest: int | None
    barred: Mapping[str, int]
    ruled: int
    kept: int
    seconds: int

    @property
    def delivered(self) -> int:
        """How many had arrived already: their receivers get them twice."""
        return self.states.get("delivered", 0)

    @property
    def ambiguous(self) -> int:
        """How many may have arrived already: nobody can say."""
        return self.states.get("held", 0)
