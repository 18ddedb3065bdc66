"""Reads what never arrived, for the page that lists it: the newest first, and counted by why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from ours.core.reasons import Reason, as_told, describe, tells_little
from ours.services.overview.details import Details, Wanted
from ours.services.overview.masks import Maskers
from ours.services.overview.views import Attempt
from ours.store import Sealer
from ours.store.queries import reading_events
from ours.store.queries import reading_trouble as queries
from ours.store.queries.replay import Filter, lanes

MOST_COUNTED = 1_000
"""Of each destination in each state; fewer where those are many, so that not more than ``_IN_ALL`` are."""
_IN_ALL, _FEWEST = 30_000, 100


@dataclass(frozen=True, slots=True)
class Stuck:
    """One dispatch that did not simply arrive. Moments are milliseconds; ``due_at``: when it is tried again."""

    id: str
    event_id: str
    event: str
    destination_id: int
    destination: str
    mode: str
    state: str
    reason: str | None
    why: Reason
    attempts: int
    due_at: int | None
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Cause:
    """How many of a destination's dispatches are in that state for that reason; ``more``: at least so many."""

    destination_id: int
    destination: str
    state: str
    reason: str | None
    why: Reason
    count: int
    more: bool


@dataclass(frozen=True, slots=True)
class Trouble:
    """A page of them, the cursor to the older ones (None: there is none), and the causes, the most frequent first."""

    rows: Sequence[Stuck]
    older: str | None
    causes: Sequence[Cause]


@dataclass(frozen=True, slots=True)
class FailedTry:
    """One try that did not arrive, and the dispatch and the event that it was for."""

    dispatch_id: str
    event_id: str
    event: str
    mode: str
    attempt: Attempt
    why: Reason


def failed_tries(
    connection: Connection, sealer: Sealer, maskers: Maskers, destination_id: int, most: int
) -> list[FailedTry]:
    """The latest of a destination, the latest first; what is personal is masked for everybody."""
    rows = queries.failed_tries(connection, destination_id, most)
    wanted = _wanted(connection, [(row.event_id, row.dispatch_id, row.number, destination_id) for row in rows])
    tries = Details(connection, sealer, maskers, clear=False).tries(wanted)
    return [
        FailedTry(one.dispatch_id, one.event.id, one.event.name, one.event.mode, attempt, describe(attempt.code))
        for one in wanted
        if (attempt := tries.get((one.dispatch_id, one.number)))
    ]


def page(
    connection: Connection, sealer: Sealer, maskers: Maskers, wanted: Filter, before: str | None, limit: int
) -> Trouble:
    """What is personal in the plugins' own words is masked for everybody."""
    names = reading_events.destination_names(connection)
    inhabited = lanes(connection, wanted)
    most = max(min(MOST_COUNTED, _IN_ALL // max(len(inhabited), 1)), _FEWEST)
    counted = queries.reasons(connection, wanted, most, inhabited)
    found = queries.page(connection, wanted, before, limit + 1, {(row.destination_id, row.state) for row in counted})
    said = _said(connection, sealer, maskers, found[:limit])
    rows = [
        Stuck(
            id=row.id,
            event_id=row.event_id,
            event=row.name,
            destination_id=row.destination_id,
            destination=names[row.destination_id],
            mode=row.mode,
            state=row.state,
            reason=row.reason,
            why=as_told(row.reason, said.get(row.id, "")),
            attempts=row.attempts,
            due_at=row.due_at,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in found[:limit]
    ]
    in_lane = Counter[tuple[int, str]]()
    for row in counted:
        in_lane[row.destination_id, row.state] += row.count
    causes = [
        Cause(row.destination_id, names[row.destination_id], row.state, row.reason, describe(row.reason), row.count,
              in_lane[row.destination_id, row.state] >= most)
        for row in counted
    ]  # fmt: skip
    causes.sort(key=lambda cause: (-cause.count, cause.destination, cause.state))
    return Trouble(rows, rows[-1].id if len(found) > limit else None, causes)


def _said(connection: Connection, sealer: Sealer, maskers: Maskers, rows: Sequence[Any]) -> Mapping[str, str]:
    """By dispatch, what the plugin said at its last try, where only that tells why."""
    telling = [row for row in rows if row.attempts and tells_little(row.reason)]
    wanted = _wanted(connection, [(row.event_id, row.id, row.attempts, row.destination_id) for row in telling])
    tries = Details(connection, sealer, maskers, clear=False).tries(wanted)
    last = ((row, tries.get((row.id, row.attempts))) for row in telling)
    return {row.id: attempt.message for row, attempt in last if attempt and attempt.code == row.reason}


def _wanted(connection: Connection, tries: Sequence[tuple[str, str, int, int]]) -> list[Wanted]:
    """Those whose events are there, of these: the ids of event and dispatch, the number, and the destination's id."""
    ids = {one[0] for one in tries}
    events = {one.id: one for one in reading_events.some(connection, list(ids))} if ids else {}
    return [Wanted(events[one[0]], *one[1:]) for one in tries if one[0] in events]
