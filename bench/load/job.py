"""What the load generator is told, and what it tells back. Both travel as JSON between processes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

TRACK = "/api/v1/track"
BATCH = "/api/v1/batch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """How to press one server.

    ``tag`` makes the distinctIds of this job its own. ``rows``: events in one request, and as such requests take long,
    time runs until the last answer; 0 is a single ``/track``.
    ``rate``: requests a second, begun on time whatever the answers do; 0 is as fast as the connections allow.
    ``window``: begin no request while so many before it have not reached the receiver whose tally is ``tally``.
    Nothing of the first ``warm`` seconds is measured. ``size``: how many bytes of JSON an event has at least.
    """

    port: int
    key: str
    tag: str
    seconds: float
    warm: float = 0.5
    connections: int = 32
    rows: int = 0
    rate: float = 0.0
    window: int = 0
    tally: str = ""
    size: int = 0

    @property
    def path(self) -> str:
        return BATCH if self.rows else TRACK


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What came of it. ``answered``: 200s; ``failed``: other answers and broken connections; ``received``: what the
    receiver counted meanwhile. ``begun``: for a job with a rate, when each request was sent (monotonic seconds)."""

    seconds: float
    answered: int
    failed: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    sent: int = 0
    received: int = 0
    begun: Sequence[float] = field(default=())

    @property
    def rate(self) -> float:
        return self.answered / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """Single events at ``rate`` a second through a plain balancer before ``ports``, until told to stop."""

    ports: Sequence[int]
    key: str
    tag: str
    rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What came of it. Of each request in order: when it was due (monotonic seconds), and how long after that it was
    answered 200, -1 if never. ``again``: the numbers of those that were sent again, as often as they were."""

    due: list[float]
    took: list[float]
    again: list[int] = field(default_factory=list)

    def between(self, begun: float, ended: float) -> list[int]:
        """The numbers of the requests that were due from then until then."""
        return [number for number, due in enumerate(self.due) if begun <= due < ended]

    def answered(self, numbers: Sequence[int]) -> list[float]:
        """How long those of the requests took that were answered (milliseconds)."""
        return [self.took[number] * 1_000 for number in numbers if self.took[number] >= 0]


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of all do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * share) - 1, 0)] if ordered else 0.0
