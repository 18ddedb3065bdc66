"""Moments and numbers, as forms and addresses write them."""

from datetime import UTC, datetime


def read_moment(text: str | None) -> int | None:
    """``2026-11-26T14:30`` in UTC, as the browser's field writes it."""
    try:
        return int(datetime.fromisoformat(text or "").replace(tzinfo=UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def read_number(text: str | None) -> int | None:
    """None for what is no number, or longer than any that a database holds."""
    typed = (text or "").strip()
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else None
