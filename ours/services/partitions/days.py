"""Makes days that are missing, and drops those that are over.

A day is dropped once everything in it has been kept for long enough. A little that is still needed is moved aside; if
it is more, or others hold the table, retention deletes the rest of the day row by row, and it is dropped later.
"""

from collections.abc import Mapping, Sequence

from ours import clock, log
from ours.services import tally
from ours.store import Store
from ours.store.queries import ledger
from ours.store.queries import partitions as queries
from ours.store.queries.partitions import Part

_logger = log.get("partitions")
AHEAD = 7
"""So many days to come have a partition: so long may no scheduler run."""
FEW = 1_000
"""So many rows are moved while others wait."""
_GRACE = 2 * clock.DAY


def midnight(moment: int, days: int = 0) -> int:
    """When the day (UTC) began that is so many days later."""
    return moment - moment % clock.DAY + days * clock.DAY


def missing(parts: Sequence[Part], now: int) -> list[int]:
    """The days from today on that have no partition yet, by when they begin."""
    days = (midnight(now, number) for number in range(AHEAD + 1))
    return [day for day in days if not any(part.start <= day < part.end for part in parts)]


def first(parts: Sequence[Part]) -> int:
    """When the oldest day begins; before the first day is dropped, when what was there before the days ends."""
    return min(part.start or part.end for part in parts)


def rows_until(parts: Sequence[Part], before: int) -> int:
    """Up to when retention deletes rows of a divided table, though all ``before`` may go.

    What lies in days is left alone until those could have been dropped for a while.
    """
    first_day = next((part.start for part in parts if part.start), before)
    return min(before, max(first_day, before - clock.DAY - _GRACE))


def make(store: Store, table: str, day: int, most: int | None) -> bool:
    """Make a day; False when more than ``most`` rows (None: any number) would have to be moved into it.

    :raises Busy: when others hold the table.
    """
    with store.write() as connection:
        return queries.make_day(connection, table, day, most)


def drop_attempts(store: Store, part: Part, before: int) -> bool:
    """Drop a day of attempts; those of open dispatches and those that began since ``before`` stay. False: too many do.

    :raises Busy: when others hold the table.
    """
    with store.write() as connection:
        queries.hold(connection, "attempts", part)
        needed = queries.needed_attempts(connection, part, before, FEW + 1)
        if len(needed) > FEW:
            return False
        queries.take_away(connection, "attempts", part, needed)
    _logger.info("day_dropped", name=part.name, moved=len(needed))
    return True


def drop_events(store: Store, part: Part, before: Mapping[str, int]) -> bool:
    """Drop a day of events, and keep its figures; those that are not done stay. False: too many do.

    ``before``: by mode, since when events are kept. What hangs on the events that are gone is for retention to delete.

    :raises Busy: when others hold the table.
    """
    with store.write() as connection:
        queries.hold(connection, "events", part)
        needed = queries.needed_events(connection, part, FEW + 1)
        groups = queries.decisions(connection, part, needed) if len(needed) <= FEW else []
        if len(needed) > FEW or any(group.newest >= before[group.mode] for group in groups):
            return False
        ledger.add(connection, tally.of_events(groups))
        queries.take_away(connection, "events", part, needed)
    _logger.info("day_dropped", name=part.name, moved=len(needed))
    return True
