"""Lays out bar charts of what came in: every length is worked out here, the template only draws."""

from collections.abc import Sequence
from dataclasses import dataclass

from ours.services.overview import Slot

HEIGHT = 90
STEP = 20
_GAP = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """One stretch of time: where its column stands, and the tops and heights of its live and test parts."""

    slot: Slot
    x: int
    width: int
    live_y: float
    live_height: float
    test_y: float
    test_height: float


@dataclass(frozen=True, slots=True)
class Chart:
    bars: Sequence[Bar]
    width: int
    height: int
    highest: int
    live: int
    test: int
    rejected: int


def bars(slots: Sequence[Slot], highest: int | None = None) -> Chart:
    """Test stands on live. ``highest`` (or the highest of these) fills the height; what is not empty is always seen."""
    top = peak(slots) if highest is None else highest
    return Chart(
        bars=[_bar(place, slot, top or 1) for place, slot in enumerate(slots)],
        width=len(slots) * STEP,
        height=HEIGHT,
        highest=top,
        live=sum(slot.live for slot in slots),
        test=sum(slot.test for slot in slots),
        rejected=sum(slot.rejected for slot in slots),
    )


def peak(slots: Sequence[Slot]) -> int:
    return max((slot.live + slot.test for slot in slots), default=0)


def _bar(place: int, slot: Slot, highest: int) -> Bar:
    live, test = (_length(count, highest) for count in (slot.live, slot.test))
    return Bar(slot, place * STEP, STEP - _GAP, HEIGHT - live, live, HEIGHT - live - test, test)


def _length(count: int, highest: int) -> float:
    return max(round(HEIGHT * count / highest, 1), 1.5) if count else 0.0
