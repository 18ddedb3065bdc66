"""Looks whether every decision that is owed was made once, and names each (event, destination) that was not."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ours.core import ranges
from ours.store import Store
from ours.store.queries import reconcile as queries
from ours.store.queries.reconcile import Kept, Range

_RANGE = 5_000


@dataclass(frozen=True, slots=True)
class Fault:
    """One decision that is missing, or stands twice. ``destination_id`` is None when it can't be said which."""

    event_id: str
    destination_id: int | None
    kind: Literal["missing", "twice"]


class Reconcile:
    def __init__(self, store: Store) -> None:
        self._store = store

    def check(self, limit: int | None = 100_000) -> list[Fault]:
        """The faults among the ``limit`` newest events, the newest first; None: among all.

        Events that are not routed yet owe nothing yet. No lock is taken, and the stations may go on meanwhile.
        """
        return [fault for some in self._ranges(limit) for fault in self._faults(some)]

    def slice(self, upto: str | None) -> tuple[list[Fault], int, str | None]:
        """The faults of the next range below ``upto`` (None: from the newest on), its size, and where the next begins.

        The place is None when the range was the last.
        """
        with self._store.read() as connection:
            upto = upto or queries.newest(connection)
            if upto is None:
                return [], 0, None
            some = queries.range_upto(connection, upto, _RANGE)
            size = queries.size(connection, some)
        return self._faults(some), size, some.after

    def _ranges(self, limit: int | None) -> Iterator[Range]:
        left: float = math.inf if limit is None else limit
        with self._store.read() as connection:
            upto = queries.newest(connection)
        while upto is not None and left > 0:
            size = int(min(_RANGE, left))
            with self._store.read() as connection:
                some = queries.range_upto(connection, upto, size)
            yield some
            upto, left = some.after, left - size

    def _faults(self, some: Range) -> list[Fault]:
        """Sound ranges, nearly all, need only their few kinds looked at."""
        with self._store.read() as connection:
            if all(_is_sound(kept) for kept in queries.kinds(connection, some)):
                return []
            rows = queries.one_by_one(connection, some)
            places = queries.existed(connection)
        wrong = [row for row in rows if not _is_sound(Kept(row.owed, row.refused, row.places))]
        return [fault for row in reversed(wrong) for fault in _name(row, places)]


def _decided(kept: Kept) -> Counter[int]:
    """How often each destination was decided about."""
    return Counter([*ranges.read(kept.refused), *(int(place) for place in (kept.places or "").split(",") if place)])


def _is_sound(kept: Kept) -> bool:
    decided = _decided(kept)
    return decided.total() == kept.owed == len(decided)


def _name(row: Any, places: Sequence[Any]) -> Iterator[Fault]:
    decided = _decided(Kept(row.owed, row.refused, row.places))
    for destination_id, times in sorted(decided.items()):
        for _ in range(times - 1):
            yield Fault(row.id, destination_id, "twice")
    missing = row.owed - len(decided)
    for _ in range(-missing):
        yield Fault(row.id, None, "twice")
    known = [place.id for place in places if place.id not in decided and _was_there(place, row.routed_at)]
    named: Sequence[int | None] = known if len(known) == missing else [None] * missing
    yield from (Fault(row.id, destination_id, "missing") for destination_id in named)


def _was_there(place: Any, moment: int) -> bool:
    return place.created_at <= moment and not (place.status == "removed" and place.updated_at <= moment)
