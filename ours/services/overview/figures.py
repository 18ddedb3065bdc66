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
    """The last hours, the oldest first, the running one last; an hour without events is there with zeros."""
    starts = _starts(now, clock.HOUR, count)
    return _slots(starts, queries.received(connection, starts[0], clock.HOUR))


def by_source(
    connection: Connection, now: int, step: int, count: int, source_ids: Sequence[int]
) -> dict[int, list[Slot]]:
    """As ``hours``, for each of these sources and in stretches of ``step`` milliseconds."""
    starts = _starts(now, step, count)
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for row in queries.received(connection, starts[0], step):
        found[row.source_id].append(row)
    return {one: _slots(starts, found[one]) for one in source_ids}


def _starts(now: int, step: int, count: int) -> range:
    first = now - now % step - (count - 1) * step
    return range(first, first + count * step, step)


def _slots(starts: range, found: Iterable[Any]) -> list[Slot]:
    sums: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for row in found:
        sums[int(row.start)][row.mode] += int(row.received)
        sums[int(row.start)]["rejected"] += int(row.rejected)
    return [Slot(at, sums[at]["live"], sums[at]["test"], sums[at]["rejected"]) for at in starts]
