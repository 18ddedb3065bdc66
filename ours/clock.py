"""The only clock. Moments are milliseconds since the UTC epoch, as on the wire."""

import time
from datetime import UTC, datetime

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
_EARLIEST = 1_735_689_600_000
"""1 January 2025: nothing that we run on is as old as that."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000  # noqa: TID251


def is_wrong() -> bool:
    """Whether it shows a moment before 2025, as without a battery until NTP has answered."""
    return now_ms() < _EARLIEST


class Jumps:
    """Notices when the clock is set: it moved otherwise than time passed."""

    def __init__(self) -> None:
        self._wall, self._passed = now_ms(), time.monotonic()

    def since_last(self) -> int:
        """By how many milliseconds it was set since this was asked last; negative: back."""
        wall, passed = now_ms(), time.monotonic()
        jump = (wall - self._wall) - round((passed - self._passed) * 1000)
        self._wall, self._passed = wall, passed
        return jump


def iso(moment: int | None) -> str | None:
    """``1754874909594`` → ``"2025-08-11T01:15:09.594Z"``; None stays None."""
    if moment is None:
        return None
    text = datetime.fromtimestamp(moment / 1000, tz=UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"
