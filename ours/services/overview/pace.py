"""Works out how fast things go just now, from the latest tries and from what waits."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from ours import clock
from ours.store.queries import events, moments
from ours.store.queries import reading_pace as queries

MOST_TRIES = 2_000
"""So many of the latest tries to all destinations are looked at, none older than an hour."""


@dataclass(frozen=True, slots=True)
class Tries:
    """Half of a destination's latest tries took ``p50`` milliseconds or less, all but a twentieth ``p95`` or less."""

    p50: int
    p95: int


@dataclass(frozen=True, slots=True)
class Pace:
    """``tries`` by destination, of those that were looked at; how long (milliseconds) the oldest that waits has
    waited, if any.
    """

    tries: Mapping[int, Tries]
    unrouted_ms: int | None
    due_ms: int | None


def pace(connection: Connection) -> Pace:
    now = moments.common(connection)
    took: defaultdict[int, list[int]] = defaultdict(list)
    for row in queries.latest_tries(connection, now - clock.HOUR, MOST_TRIES):
        took[row.destination_id].append(row.duration_ms)
    came, due = events.oldest_unrouted(connection), queries.oldest_due(connection)
    return Pace(
        {place: Tries(_at(sorted(times), 0.5), _at(sorted(times), 0.95)) for place, times in took.items()},
        None if came is None else max(now - came, 0),
        None if due is None or due > now else now - due,
    )


def _at(ordered: Sequence[int], share: float) -> int:
    return ordered[math.ceil(len(ordered) * share) - 1]
