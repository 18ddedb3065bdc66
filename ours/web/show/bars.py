"""Lays out the bar chart of the last hours: every length is worked out here, the template only draws."""

from collections.abc import Sequence
from dataclasses import dataclass

from ours.services.overview import Hour

HEIGHT = 90
STEP = 20
_GAP = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour: where its column stands, and the tops and heights of its live and test parts."""

    hour: Hour
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


def bars(hours: Sequence[Hour]) -> Chart:
    """Test stands on live. The highest hour fills the height; an hour that is not empty is always seen."""
    highest = max((hour.live + hour.test for hour in hours), default=0)
    return Chart(
        bars=[_bar(place, hour, highest or 1) for place, hour in enumerate(hours)],
        width=len(hours) * STEP,
        height=HEIGHT,
        highest=highest,
        live=sum(hour.live for hour in hours),
        test=sum(hour.test for hour in hours),
        rejected=sum(hour.rejected for hour in hours),
    )


def _bar(place: int, hour: Hour, highest: int) -> Bar:
    live, test = (_length(count, highest) for count in (hour.live, hour.test))
    return Bar(hour, place * STEP, STEP - _GAP, HEIGHT - live, live, HEIGHT - live - test, test)


def _length(count: int, highest: int) -> float:
    return max(round(HEIGHT * count / highest, 1), 1.5) if count else 0.0
