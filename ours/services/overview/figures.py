"""Reads counts for screens: the balance, what came in by hour, where each destination's dispatches stand."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from ours import clock
from ours.core import ranges
from ours.core.balance import Figures, balance
from ours.core.retry import TERMINAL
from ours.services.overview.views import Health, Slot, Standing
from ours.store.queries import ledger, snapshot
from ours.store.queries import reading_figures as queries


def standing(connection: Connection) -> Standing:
    """The balance and each destination's part in it, counted at one moment."""
    snapshot.take(connection)
    now, found = clock.now_ms(), queries.states(connection)
    return Standing(balance(_figures(connection, found)), health(found), now)


def _figures(connection: Connection, found: Sequence[Any]) -> Figures:
    """All that the balance is made of; what retention has deleted is among it."""
    past = Counter(ledger.totals(connection))
    states: Counter[str] = Counter({state: past[state] for state in sorted(TERMINAL)})
    for row in found:
        states[row.state] += row.count
    accepted, owed, refused, unrouted = past["accepted"], past["owed"], past["refused"], 0
    for row in queries.decisions(connection):
        owed += row.owed or 0
        refused += len(ranges.read(row.refused)) * row.count
        if row.kind == "track":
            accepted += row.count
            unrouted += 0 if row.is_routed else row.count
    return Figures(
        accepted=accepted,
        owed=owed,
        refused=refused,
        replays=past["replays"] + queries.replays(connection),
        unrouted=unrouted,
        destinations=queries.count_destinations(connection),
        states=states,
    )


def health(found: Iterable[Any]) -> defaultdict[int, Health]:
    """By destination, whether or not it ever had a dispatch; test ones are among them."""
    parts = of_each({})
    for row in found:
        parts[row.destination_id].states[row.state] += row.count
    return parts


def of_each(shares: Mapping[int, Health]) -> defaultdict[int, Health]:
    """``shares``, and an empty one for each destination that has none."""
    return defaultdict(lambda: Health(Counter()), shares)


def hours(connection: Connection, now: int, count: int = 24) -> list[Slot]:
    """All that came in so many hours, by the hours of the clock, the oldest first.

    Of the first, as of the running one, it is a part; an hour without events is there with zeros.
    """
    since, starts = _starts(now, clock.HOUR, count)
    return _slots(since, starts, queries.received(connection, since, clock.HOUR))


def by_source(
    connection: Connection, now: int, step: int, count: int, source_ids: Sequence[int]
) -> dict[int, list[Slot]]:
    """As ``hours``, for each of these sources and in stretches of ``step`` milliseconds."""
    since, starts = _starts(now, step, count)
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for row in queries.received(connection, since, step):
        found[row.source_id].append(row)
    return {one: _slots(since, starts, found[one]) for one in source_ids}


def _starts(now: int, step: int, count: int) -> tuple[int, range]:
    """Since when a stretch of ``count`` steps is counted, from the first whole minute, and where its columns start."""
    since = -((count * step - now) // clock.MINUTE) * clock.MINUTE
    return since, range(since - since % step, now + 1, step)


def _slots(since: int, starts: range, found: Iterable[Any]) -> list[Slot]:
    sums: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for row in found:
        sums[int(row.start)][row.mode] += int(row.received)
        sums[int(row.start)]["rejected"] += int(row.rejected)
    return [Slot(max(at, since), sums[at]["live"], sums[at]["test"], sums[at]["rejected"]) for at in starts]
