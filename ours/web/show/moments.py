"""Moments as the fields of forms write them."""

from datetime import UTC, datetime


def read_moment(text: str | None) -> int | None:
    """``2026-11-26T14:30`` in UTC, as the browser's field writes it."""
    try:
        return int(datetime.fromisoformat(text or "").replace(tzinfo=UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
