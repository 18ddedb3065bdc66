"""Moments, numbers and places, as forms and addresses write them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar

from flask import request

T = TypeVar("T")


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


def placed(new: T, rest: Sequence[T]) -> list[T]:
    """``new`` among the others, at the place whose number was typed; without one, at the end."""
    place = request.form.get("place", type=int)
    at = min(max(place - 1, 0), len(rest)) if place else len(rest)
    return [*rest[:at], new, *rest[at:]]
