"""Moments, numbers and places, as forms and addresses write them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from flask import request

from ours import clock
from ours.web.show.door import blueprint

T = TypeVar("T")


def read_moment(text: str | None) -> int | None:
    """``2026-11-26T14:30`` is in UTC, as the browser's field writes it; ``2026-11-26T14:30+02:00`` says where it is."""
    try:
        said = datetime.fromisoformat(text or "")
        return int((said.astimezone(UTC) if said.tzinfo else said.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


@blueprint.app_template_filter()
def as_typed(text: str | None) -> str:
    """A moment that an address says, as the browser's field takes it: in UTC, and no longer than need be."""
    utc = clock.iso(read_moment(text)) or ""
    return utc.removesuffix("Z").removesuffix(".000").removesuffix(":00")


def read_number(text: str | None) -> int | None:
    """None for what is no number, or longer than any that a database holds."""
    typed = (text or "").strip()
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else None


MEANT: Mapping[str, Callable[[str], bool]] = {
    "mode": ("live", "test").__contains__,
    **dict.fromkeys(("from", "to"), lambda text: read_moment(text) is not None),
    **dict.fromkeys(("source", "destination"), lambda text: read_number(text) is not None),
}
"""Whether what an address says under these names means anything."""


def sorted_out(
    said: Mapping[str, str], meant: Mapping[str, Callable[[str], bool]] = MEANT
) -> tuple[dict[str, str], dict[str, str]]:
    """What a list is narrowed to; and what means nothing, so that the page can say that it is not narrowed by it."""
    given = {name: value for name, value in said.items() if name not in meant or meant[name](value)}
    return given, {name: value for name, value in said.items() if name not in given}


def placed(new: T, rest: Sequence[T]) -> list[T]:
    """``new`` among the others, at the place whose number was typed; without one, at the end."""
    place = request.form.get("place", type=int)
    at = min(max(place - 1, 0), len(rest)) if place else len(rest)
    return [*rest[:at], new, *rest[at:]]
