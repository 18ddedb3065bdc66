"""Turns the outcome of a try into the dispatch's next state: done for good, held, or due again at a moment."""

import math
import random
from collections.abc import Sequence
from typing import Literal, NamedTuple, assert_never, get_args

from ours.core.reasons import tidy
from ours.plugin.reading import AFTER_CEILING
from ours.plugin.types import (
    Delivered,
    Duplicate,
    Mode,
    Outcome,
    Rejected,
    Retry,
    Skipped,
    Split,
    Unauthorized,
    Unknown,
)

State = Literal["pending", "sending", "retrying", "held", "delivered", "rejected", "exhausted", "stopped", "sunk"]
STATES: tuple[State, ...] = get_args(State)
OPEN: frozenset[State] = frozenset({"pending", "sending", "retrying", "held"})
TROUBLED: tuple[State, ...] = ("retrying", "held", "rejected", "exhausted", "stopped")
"""What did not simply arrive, in the order in which pages name it."""
TERMINAL: frozenset[State] = frozenset({"delivered", "rejected", "exhausted", "stopped", "sunk"})

SCHEDULE = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0, 18000.0, 36000.0, 36000.0)
"""The longest wait in seconds after the first, second, … try: eleven tries, over at most 29 hours, half on average."""
MOST_SPARED = 100
"""So many tries may leave a dispatch's schedule untouched; one that is always told to slow down, or that is
the probe of a destination that stays down, ends some day, too."""
_SENT: frozenset[State] = frozenset({"delivered", "retrying", "exhausted"})


class Decision(NamedTuple):
    """A dispatch's next state. ``due_at`` (milliseconds) is set when, and only when, another try is to come.

    ``spared``: the try that ended does not count for the schedule.
    """

    state: State
    reason: str | None = None
    due_at: int | None = None
    spared: bool = False


def decide(
    outcome: Outcome,
    *,
    attempt: int,
    now: int,
    dispatch_id: str,
    dedupes: bool,
    mode: Mode,
    schedule: Sequence[float] = SCHEDULE,
    spared: int = 0,
    probe: bool = False,
) -> Decision:
    """What follows from the outcome of try number ``attempt`` (from 1), which ended at ``now`` (milliseconds).

    ``spared`` tries are not counted in ``attempt``. One that came too fast for the destination is spared, too; so is a
    ``probe``, which was to show for all others whether the destination is back.

    :raises AssertionError: when a test dispatch would be said to have been sent, or ``outcome`` is none. Both are bugs.
    """
    match outcome:
        case Delivered() | Duplicate():
            decision = Decision("delivered")
        case Skipped(reason):
            decision = Decision("stopped", tidy(reason) or "skipped")
        case Rejected(code) | Split(code):
            decision = Decision("rejected", tidy(code) or "rejected")
        case Unknown() if not dedupes:
            decision = Decision("held", "ambiguous")
        case Retry(code) | Unauthorized(code) | Unknown(code):
            told = asked(outcome)
            slowed = told is not None and isinstance(outcome, Retry) and outcome.throttle
            spare = (probe or slowed) and spared < MOST_SPARED
            if attempt > len(schedule) and not spare:
                decision = Decision("exhausted", tidy(code) or "gave_up")
            else:
                wait = told or _jittered(schedule[min(attempt, len(schedule)) - 1], f"{dispatch_id}:{attempt}")
                decision = Decision("retrying", tidy(code) or "try_again", now + math.ceil(wait * 1000), spared=spare)
        case other:
            assert_never(other)
    if mode == "test" and decision.state in _SENT:
        raise AssertionError(f"The test dispatch {dispatch_id} can't become {decision.state}: nothing was sent.")
    return decision


def is_ambiguous(state: str, reason: str | None) -> bool:
    """Whether nobody can say if it arrived."""
    return (state, reason) == ("held", "ambiguous")


def has_ended(state: str, reason: str | None) -> bool:
    """Whether nothing more comes of a dispatch by itself. What is ambiguous waits for a person's decision alone."""
    return state not in OPEN or is_ambiguous(state, reason)


def sunk() -> Decision:
    """The end of every test dispatch that could be built: the sink kept its request and sent nothing."""
    return Decision("sunk", "test_mode")


def asked(outcome: Outcome) -> float | None:
    """The seconds that the destination asked us to wait, at most 24 hours; None when it asked for nothing sensible."""
    after: object = outcome.after if isinstance(outcome, Retry) else None
    return min(float(after), AFTER_CEILING) if isinstance(after, int | float) and after > 0 else None


def _jittered(longest: float, seed: str) -> float:
    """Anything up to ``longest``, so that what failed together does not come back together; the same for one seed."""
    return random.Random(seed).uniform(0, longest)  # noqa: S311  spreads load, guards nothing
