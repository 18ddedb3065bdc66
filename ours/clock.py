"""The only clock. Moments are milliseconds since the UTC epoch, as on the wire."""

import time
from datetime import UTC, datetime

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def now_ms() -> int:
    return time.time_ns() // 1_000_000  # noqa: TID251


def iso(moment: int | None) -> str | None:
    """``1754874909594`` → ``"2025-08-11T01:15:09.594Z"``; None stays None."""
    if moment is None:
        return None
    text = datetime.fromtimestamp(moment / 1000, tz=UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"
