"""Who is told what: each channel all of it, once. What one did not take, it alone is told again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ours import clock, log
from ours.core.concerns import News, Stage
from ours.services.alerts.channels import Channel

_logger = log.get("alerts")
AGAIN = clock.DAY
_SOONEST, _LATEST = clock.MINUTE, 10 * clock.MINUTE


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a message on one channel; ``problem`` is None when it was taken."""

    channel: str
    problem: str | None


def send(channel: Channel, news: Sequence[News]) -> Told:
    told = Told(channel.name, channel.tell(news))
    if told.problem:
        _logger.error("alert_not_told", channel=told.channel, problem=told.problem)
    return told


def tell(channels: Iterable[Channel], rows: Sequence[Any], now: int) -> Mapping[int, Sequence[Told]]:
    """By alert, what became of it on each channel that was to be told: one message for all that is due there."""
    told: dict[int, list[Told]] = {row.id: [] for row in rows}
    for channel in channels:
        mine = [row for row in rows if not _is_rest(row, now) or channel.name in row.missed.split(",")]
        if mine:
            one = send(channel, [_news(row, now) for row in mine])
            for row in mine:
                told[row.id].append(one)
    return told


def after(row: Any, told: Sequence[Told], now: int) -> dict[str, Any]:
    """What telling it does to an alert: told again in a day while it lasts, and sooner where it was not taken."""
    failed, rest = [one for one in told if one.problem], _is_rest(row, now)
    noted: dict[str, Any] = {"problem": " ".join(f"{one.channel}: {one.problem}" for one in failed) or None}
    if failed and len(failed) == len(told) and not rest:
        return noted | {"missed": None, "due_at": now + _pause(row, now)}
    told_at = row.told_at if rest else now
    noted |= {"missed": ",".join(one.channel for one in failed) or None, "told_at": told_at}
    if row.closed_at:
        late = not failed or now - row.closed_at >= AGAIN
        return noted | ({"missed": None, "due_at": None} if late else {"due_at": now + _pause(row, now)})
    return noted | {"due_at": min(now + _pause(row, now), told_at + AGAIN) if failed else told_at + AGAIN}


def _is_rest(row: Any, now: int) -> bool:
    """Whether some channel took the last news of it, so that it is only for those that did not."""
    return bool(row.missed) and (row.closed_at is not None or now - row.told_at < AGAIN)


def _pause(row: Any, now: int) -> int:
    """The longer it was tried, the longer; a receiver that is merely slow may have taken it each time."""
    age: int = now - (row.closed_at or row.told_at or row.opened_at)
    return min(max(age, _SOONEST), _LATEST)


def _news(row: Any, now: int) -> News:
    return News(row.kind, row.subject, _stage(row, now), row.words, row.opened_at)


def _stage(row: Any, now: int) -> Stage:
    if row.closed_at:
        return "resolved"
    is_first = row.told_at is None or (_is_rest(row, now) and row.told_at - row.opened_at < AGAIN)
    return "opened" if is_first else "still"
