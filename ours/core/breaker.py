"""The breaker of a destination: stops trying one that fails, feels its way back, and says when its credentials fail."""

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from ours.core.retry import asked
from ours.plugin.types import NOT_THE_API, Outcome, Retry, Split, Unauthorized, Unknown

State = Literal["closed", "open", "half_open"]
Fault = Literal["build_failed", "send_failed", "read_failed"]
Verdict = Literal["worked", "failed", "refused", "hung", "build_failed", "send_failed", "read_failed"]

IN_A_ROW = 10
"""So many failures in a row open the breaker."""
REFUSALS_IN_A_ROW = 5
"""So many refusals of our credentials in a row, or faults of its plugin, pause the destination."""
FIRST_PAUSE = 30_000
LONGEST_PAUSE = 600_000

_WINDOW = 60_000
_GRAIN = 5_000
_FEWEST_TRIES = 40

# These say something of us, of the event or of the plugin, and nothing of how the destination is.
_SILENT = {
    "ssrf_refused", "invalid_request", "response_too_large", "out_of_files", "worker_stopped", "lease_lost",
}  # fmt: skip
PLUGIN_TIMEOUT = "plugin_timeout"
"""The code of what a plugin did not end in time."""

FAULTS: Collection[Fault] = get_args(Fault)
"""The codes of what a plugin raised, or of what it gave that is nothing to go on with."""
PAUSED_FOR: Mapping[Verdict, str] = {"refused": "auth_failed", "hung": PLUGIN_TIMEOUT, **{one: one for one in FAULTS}}
"""The verdicts that, so many in a row, pause a destination; each with the reason that is given."""

_OF_CODES: Mapping[str, Verdict] = {PLUGIN_TIMEOUT: "hung", **{one: one for one in FAULTS}}
_LOUDEST_FIRST: tuple[Verdict, ...] = ("hung", "refused", "worked", *FAULTS, "failed")
"""Of a batch: a refusal counts whatever else came; one event that arrived says that the destination works."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """``failures`` and ``refusals`` are those in a row; ``until`` is when an open one may be tried (milliseconds).

    ``refusals`` are what needs a person: refused credentials, and a plugin that fails or does not come back.
    """

    state: State = "closed"
    failures: int = 0
    refusals: int = 0
    until: int | None = None

    def may_be_tried(self, now: int) -> bool:
        """Whether an open breaker's pause is over. A pause longer than any means that the clock was set back."""
        wait = (self.until or 0) - now
        return self.state == "open" and not 0 < wait <= LONGEST_PAUSE

    @property
    def why(self) -> str:
        """How it failed, where it is not closed: with fewer failures in a row, the rate has opened it."""
        if self.failures >= IN_A_ROW:
            return f"{self.failures:,} tries in a row"
        return "at least half of its tries within a minute"

    @property
    def refuses(self) -> bool:
        """Whether it was refused so often that the destination is to be paused."""
        return self.refusals >= REFUSALS_IN_A_ROW

    def half_opened(self) -> "Breaker":
        return replace(self, state="half_open", until=None)


CLOSED = Breaker()


class Window:
    """Tries and failures of the last minute, counted in grains of five seconds."""

    def __init__(self) -> None:
        self._grains: deque[tuple[int, int, int]] = deque()

    def note(self, now: int, *, failed: bool) -> None:
        start = now - now % _GRAIN
        tries, failures = 0, 0
        if self._grains and self._grains[-1][0] == start:
            _, tries, failures = self._grains.pop()
        self._grains.append((start, tries + 1, failures + failed))
        while not 0 <= now - self._grains[0][0] < _WINDOW:
            self._grains.popleft()

    @property
    def mostly_failing(self) -> bool:
        tries = sum(grain[1] for grain in self._grains)
        failures = sum(grain[2] for grain in self._grains)
        return tries >= _FEWEST_TRIES and 2 * failures >= tries


def verdict_of(outcomes: Collection[Outcome]) -> Verdict | None:
    """What the outcomes of a request that was sent say of the destination; None when they say nothing.

    A destination that says when to come back is well: it neither works nor fails. A plugin's fault is one only where
    nothing of the request worked.
    """
    said = [verdict for one in outcomes if (verdict := _verdict(one))]
    return min(said, key=_LOUDEST_FIRST.index, default=None)


def _verdict(outcome: Outcome) -> Verdict | None:
    code = getattr(outcome, "code", "")
    if fault := _OF_CODES.get(code):
        return fault
    if code in _SILENT:
        return None
    match outcome:
        case Unauthorized():
            return "refused"
        case Split() if code == NOT_THE_API:
            return "refused"
        case Retry(throttle=True) if asked(outcome):
            return None
        case Retry() | Unknown():
            return "failed"
        case _:
            return "worked"


def after(breaker: Breaker, verdict: Verdict, now: int, *, mostly_failing: bool = False) -> Breaker:
    """The breaker after one more try. Once it is open, or to be paused, what was still under way changes nothing.

    From the eleventh failure in a row on, each doubles the pause, from 30 seconds up to ten minutes.
    """
    if breaker.state == "open" or breaker.refuses:
        return breaker
    if verdict == "worked":
        return CLOSED
    if verdict in PAUSED_FOR:
        return Breaker(refusals=breaker.refusals + 1)
    failures = breaker.failures + 1
    if breaker.state == "half_open" or failures >= IN_A_ROW or mostly_failing:
        return Breaker("open", failures, until=now + _pause(failures))
    return Breaker(failures=failures)


def _pause(failures: int) -> int:
    doubled = min(max(failures - IN_A_ROW, 0), 10)
    return min(FIRST_PAUSE << doubled, LONGEST_PAUSE)
