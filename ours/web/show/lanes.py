"""Sources side by side on one axis and one scale: in a rotation, the old one falls while the new one rises."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ours import clock
from ours.services.sources import Key, Source
from ours.web.current import ours
from ours.web.show.bars import Chart, bars, peak

WINDOWS: Mapping[str, tuple[str, int, int]] = {
    "hour": ("Last hour, by minute", clock.MINUTE, 60),
    "day": ("Last 24 hours, by half hour", 30 * clock.MINUTE, 48),
    "week": ("Last 7 days, by 4 hours", 4 * clock.HOUR, 42),
}
"""By name: the words, how long a column is (milliseconds), and how many there are."""
_MOST = 8


@dataclass(frozen=True, slots=True)
class Lane:
    """One source's columns; ``keys`` are those that work; ``tone`` and ``words`` say whether it can be spared."""

    source: Source
    chart: Chart
    keys: Sequence[Key]
    tone: str
    words: str


@dataclass(frozen=True, slots=True)
class SideBySide:
    """``rows`` are the same figures for a table: the start of a column, then live and test of each lane."""

    window: str
    lanes: Sequence[Lane]
    highest: int
    rows: Sequence[tuple[int, Sequence[int]]]


def side_by_side(sources: Sequence[Source], chosen: Sequence[int], window: str) -> SideBySide:
    """The sources chosen; without a choice, those that sent most in a day, and no more than eight."""
    window = window if window in WINDOWS else "day"
    _, step, count = WINDOWS[window]
    wanted = _wanted(sources, chosen)
    ids = [one.id for one in wanted]
    slots, keys_of = ours().overview.side_by_side(ids, step, count), ours().sources.keys_by_source(ids)
    highest = max((peak(one) for one in slots.values()), default=0)
    now = clock.now_ms()
    lanes = []
    for source in wanted:
        keys = sorted((key for key in keys_of[source.id] if key.works(now)), key=lambda key: key.mode)
        lanes.append(Lane(source, bars(slots[source.id], highest), keys, *verdict(source, keys, now)))
    columns = zip(*slots.values(), strict=True)
    rows = [(parts[0].at, [figure for slot in parts for figure in (slot.live, slot.test)]) for parts in columns]
    return SideBySide(window, lanes, highest, rows[::-1])


def _wanted(sources: Sequence[Source], chosen: Sequence[int]) -> Sequence[Source]:
    picked = [one for one in sources if one.id in chosen]
    busiest = sorted(sources, key=lambda one: -(one.live.received + one.test.received))[:_MOST]
    return picked[:_MOST] or sorted(busiest, key=lambda one: one.id)


def verdict(source: Source, keys: Sequence[Key], now: int) -> tuple[str, str]:
    """A tone, and whether anybody would miss the source. ``keys`` are those that work."""
    if source.status != "active":
        return "", "Not active: its keys are refused."
    if any(key.in_use(now) for key in keys):
        return "busy", "In use: if you deactivate it, whoever sends with its keys is refused."
    if all(key.last_used_at is None for key in keys):
        return "", "Never used."
    return "good", "Safe to deactivate, unless somebody sends less often than once a day: no key was used for 24 hours."
