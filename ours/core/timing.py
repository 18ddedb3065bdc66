"""Decides when an event happened, from what the caller sent as ``time`` and the moment it arrived."""

from typing import Any

from ours.core.incoming import Notice
from ours.core.notices import notice

OLDEST = 7 * 24 * 3600 * 1000
SKEW = 60 * 1000
_NUMBERS = frozenset({int, float})
_LARGEST = 2**53


def as_sent(raw: Any) -> int | None:
    """The moment that the caller named (milliseconds), before any rule; None when they named none."""
    return int(raw) if type(raw) in _NUMBERS and 0 <= raw <= _LARGEST else None


def occurred_at(raw: Any, now: int) -> tuple[int, Notice | None]:
    """When it happened (milliseconds), and a warning when that is not what was sent.

    Missing, no number, negative or in the future → ``now``; older than 7 days → exactly 7 days before ``now``.
    """
    if raw is None:
        return now, None
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not raw >= 0:  # NaN is not >= 0 either
        return now, notice("time", "time_ignored")
    if raw > now:
        return now, notice("time", "time_in_future") if raw - now > SKEW else None
    if now - raw > OLDEST:
        return now - OLDEST, notice("time", "time_in_seconds" if 1e9 <= raw <= 1e11 else "time_too_old")
    return int(raw), None
