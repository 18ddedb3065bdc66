"""The event, or the dispatch, that an id names; said in one sentence of one that is not there."""

from typing import Any

from sqlalchemy import Connection

from ours import ids
from ours.core.allow import name_key
from ours.errors import NotFound
from ours.store import Lookup
from ours.store.queries import events, reading_dispatches, reading_events, samples

AMONG = 10_000
"""The names of so many of the latest events are tried."""
_MODES = ("live", "test")


def event(connection: Connection, event_id: str) -> Any:
    """:raises NotFound: when there is none with that id."""
    row = reading_events.one(connection, event_id) if ids.is_id(event_id) else None
    if row is None:
        raise no_such("event", event_id)
    return row


def dispatch(connection: Connection, dispatch_id: str) -> Any:
    """:raises NotFound: when there is none with that id."""
    row = reading_dispatches.one(connection, dispatch_id) if ids.is_id(dispatch_id) else None
    if row is None:
        raise no_such("dispatch", dispatch_id)
    return row


def named(connection: Connection, text: str) -> tuple[str, str | None] | None:
    """The id of the event that ``text`` names, and of the dispatch, where it names one of its dispatches.

    Receivers may write an id with hyphens and in capitals. None when it names neither.
    """
    wanted = text.strip().lower().replace("-", "")
    if not ids.is_id(wanted):
        return None
    if reading_events.one(connection, wanted):
        return wanted, None
    row = reading_dispatches.one(connection, wanted)
    return (row.event_id, row.id) if row else None


def by_distinct_id(
    connection: Connection, lookup: Lookup, text: str, name: str | None, mode: str | None, most: int
) -> list[str]:
    """The ids of the events that came with this distinctId, the newest first, ``most`` at most.

    It names an event only together with the event's name: that of each of the latest events is tried, or ``name``.
    What was forgotten is not found: a distinctId may say whose it was.
    """
    names = set(samples.spellings(connection, AMONG))
    if name:
        names = {name, *(each for each in names if name_key(each) == name_key(name))}
    hashes = [lookup.repeat(each, one, text.strip()) for one in names for each in ([mode] if mode else _MODES)]
    firsts = events.holders(connection, hashes).values()
    ids_of = sorted((first.event_id for first in firsts), reverse=True)[:most]
    return [row.id for row in reversed(reading_events.some(connection, ids_of)) if row.forgotten_at is None]


def no_such(what: str, wanted: str) -> NotFound:
    return NotFound(f"There is no {what} {wanted[:40]}. It may never have existed, or retention has deleted it.")
