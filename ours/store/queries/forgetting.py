"""Finds all that is kept about a visitor, takes it away, and remembers who was forgotten."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, delete, func, select, update

from ours.core.retry import OPEN
from ours.store import bulk
from ours.store.chunks import batched
from ours.store.queries.events import WAITS
from ours.store.tables import attempts, destinations, dispatches, events, forgotten, identifiers, seen, visitors
from ours.store.tables.events import NAMES_TWO

_d, _e = dispatches.c, events.c
_CHUNK = 1_000  # a visitor may be many, and no database takes that many parameters
NOTE = "visitor_forgotten"
_WIPE = (
    update(events)
    .where(_e.id == bindparam("key"))
    .values(payload=bindparam("empty"), notes=NOTE, forgotten_at=bindparam("now"), visitor_id=None)
)


def any_unrouted(connection: Connection, upto: str) -> bool:
    """Whether an event of those days still waits to be routed: nobody knows yet whose it is.

    What was set aside is not waited for: nobody can tell whose it is before its key is back.
    """
    waiting = select(_e.id).where(WAITS, _e.id <= upto).limit(1)
    return connection.scalar(waiting) is not None


def events_of(connection: Connection, family: Sequence[str]) -> list[str]:
    """The ids of all events of these visitors, of either kind, in their order."""
    parts = (select(_e.id).where(_e.visitor_id.in_(part)) for part in batched(family, _CHUNK))
    return sorted(one for query in parts for one in connection.scalars(query))


def shared(connection: Connection, mode: str, after: str, since: int, limit: int) -> Sequence[Any]:
    """The next events of this mode that name two people and were routed since that moment, by their ids."""
    query = select(_e.id, _e.mode, _e.received_at, _e.visitor_id, _e.payload)
    query = query.where(NAMES_TWO, _e.mode == mode, _e.id > after, _e.visitor_id.is_not(None), _e.routed_at >= since)
    return connection.execute(query.order_by(_e.id).limit(limit)).all()


def give(connection: Connection, event_ids: Sequence[str], visitor_id: str) -> None:
    """Let these events be this visitor's; nobody's stay so."""
    theirs = update(events).where(_e.id.in_(event_ids), _e.visitor_id.is_not(None))
    connection.execute(theirs.values(visitor_id=visitor_id))


def write_profile(connection: Connection, visitor_id: str, sealed: bytes) -> None:
    connection.execute(update(visitors).where(visitors.c.id == visitor_id).values(profile=sealed))


def hold(connection: Connection, event_ids: Sequence[str]) -> Sequence[str]:
    """Those of these that are still somebody's. Nobody replays one before the transaction ends, and then they see that
    it was forgotten."""
    theirs = select(_e.id).where(_e.id.in_(event_ids), _e.visitor_id.is_not(None))
    return connection.scalars(theirs.order_by(_e.id).with_for_update()).all()


def stop(connection: Connection, event_ids: Sequence[str], now: int) -> None:
    """What waits or is held for these events never leaves."""
    waiting = update(dispatches).where(_d.event_id.in_(event_ids), _d.state.in_(OPEN - {"sending"}))
    values = {"state": "stopped", "reason": "forgotten", "due_at": None, "updated_at": now}
    connection.execute(waiting.values(values))


def in_hand(connection: Connection, event_ids: Sequence[str]) -> int:
    """How many of their dispatches a worker is sending just now."""
    query = select(func.count()).where(_d.event_id.in_(event_ids), _d.state == "sending")
    return connection.scalar(query) or 0


def places(connection: Connection, event_ids: Sequence[str]) -> Sequence[Any]:
    """By destination: how many live dispatches were delivered, how many were tried without that, and when last."""
    delivered = case((_d.state == "delivered", 1), else_=0)
    tried = case(((_d.state != "delivered") & (_d.attempts > 0), 1), else_=0)
    query = select(
        _d.destination_id,
        destinations.c.name,
        func.sum(delivered).label("delivered"),
        func.sum(tried).label("tried"),
        func.max(_d.updated_at).label("last"),
    ).outerjoin(destinations, destinations.c.id == _d.destination_id)
    query = query.where(_d.event_id.in_(event_ids), _d.mode == "live", _d.attempts > 0)
    return connection.execute(query.group_by(_d.destination_id, destinations.c.name)).all()


def stopped(connection: Connection, event_ids: Sequence[str]) -> int:
    """How many of their dispatches ended because they were forgotten."""
    query = select(func.count()).where(_d.event_id.in_(event_ids), _d.state == "stopped", _d.reason == "forgotten")
    return connection.scalar(query) or 0


def wipe(connection: Connection, empty: Mapping[str, bytes], now: int) -> int:
    """Leave of these events that they were, and where they went; ``empty`` is each one's new payload. How many attempts
    went with them.
    """
    ids = list(empty)
    ordered = update(dispatches).where(_d.event_id.in_(ids), _d.lane.is_not(None))
    connection.execute(ordered.values(lane=None))
    theirs = select(_d.id).where(_d.event_id.in_(ids))
    gone = connection.execute(delete(attempts).where(attempts.c.dispatch_id.in_(theirs))).rowcount
    connection.execute(update(seen).where(seen.c.event_id.in_(ids)).values(content=seen.c.event_id))
    connection.execute(_WIPE, [{"key": key, "empty": payload, "now": now} for key, payload in empty.items()])
    return gone


def reasons(connection: Connection, event_ids: Sequence[str]) -> Sequence[str]:
    """What tries of these events ended with."""
    query = select(_d.reason).where(_d.event_id.in_(event_ids), _d.attempts > 0, _d.reason.is_not(None))
    return connection.scalars(query.distinct()).all()


def erase_reasons(connection: Connection, event_ids: Sequence[str], told: Sequence[str], instead: str) -> None:
    """Where a try of these events ended with one of ``told``."""
    theirs = update(dispatches).where(_d.event_id.in_(event_ids), _d.attempts > 0, _d.reason.in_(told))
    connection.execute(theirs.values(reason=instead))


def taken(connection: Connection, family: Sequence[str]) -> list[str]:
    """What was taken of these visitors' events so far; nobody else adds to it before the transaction ends."""
    query = select(forgotten.c.taken).order_by(forgotten.c.visitor_id).with_for_update()
    parts = (query.where(forgotten.c.visitor_id.in_(part)) for part in batched(sorted(family), _CHUNK))
    return [one for query in parts for one in connection.scalars(query) if one]


def take(connection: Connection, family: Sequence[str], text: str | None) -> None:
    """Keep what was taken of these visitors' events so far."""
    for part in batched(family, _CHUNK):
        connection.execute(update(forgotten).where(forgotten.c.visitor_id.in_(part)).values(taken=text))


def remove(connection: Connection, family: Sequence[str]) -> int:
    """The visitors themselves, and their identifiers; how many identifiers."""
    held = 0
    for part in batched(family, _CHUNK):
        held += connection.execute(delete(identifiers).where(identifiers.c.visitor_id.in_(part))).rowcount
        connection.execute(delete(visitors).where(visitors.c.id.in_(part)))
    return held


def remember(connection: Connection, moments: Mapping[str, int]) -> None:
    """When each visitor was forgotten, by id."""
    ending = bulk.overwrite(("visitor_id",), ("forgotten_at",))
    bulk.insert(connection, "forgotten", ("visitor_id", "forgotten_at"), sorted(moments.items()), ending)


def remembered(connection: Connection) -> dict[str, int]:
    """Everybody who was forgotten, and when."""
    return {
        row.visitor_id: row.forgotten_at
        for row in connection.execute(select(forgotten.c.visitor_id, forgotten.c.forgotten_at))
    }


def standing(connection: Connection, visitor_id: str) -> Any | None:
    """When this visitor, who is here, was ``forgotten_at`` before, if ever; None: they are not here."""
    here = visitors.outerjoin(forgotten, forgotten.c.visitor_id == visitors.c.id)
    query = select(visitors.c.id, forgotten.c.forgotten_at).select_from(here)
    return connection.execute(query.where(visitors.c.id == visitor_id)).one_or_none()


def identifiers_of(connection: Connection, family: Sequence[str]) -> Sequence[Any]:
    parts = (select(identifiers).where(identifiers.c.visitor_id.in_(part)) for part in batched(family, _CHUNK))
    found = [row for query in parts for row in connection.execute(query)]
    return sorted(found, key=lambda row: (row.attached_at, row.hash))


def held_by(connection: Connection, dispatch_ids: Sequence[str], holder: str) -> list[Any]:
    """Of these dispatches, those that ``holder`` has in hand: each with its event's visitor, and whether that one was
    ``forgotten``, or is just being.
    """
    before = and_(forgotten.c.forgotten_at.is_not(None), forgotten.c.forgotten_at >= visitors.c.created_at)
    gone = case((_e.forgotten_at.is_not(None), 1), (before, 1), else_=0)
    tables = dispatches.join(events, _e.id == _d.event_id).outerjoin(visitors, visitors.c.id == _e.visitor_id)
    whole = tables.outerjoin(forgotten, forgotten.c.visitor_id == _e.visitor_id)
    query = select(_d.id, _e.visitor_id, gone.label("forgotten")).select_from(whole).where(_d.lease == holder)
    parts = (query.where(_d.id.in_(part)) for part in batched(dispatch_ids, _CHUNK))
    return [row for one in parts for row in connection.execute(one)]


def live_ones(connection: Connection, dispatch_ids: Sequence[str]) -> set[str]:
    """Of these dispatches, those whose event was not forgotten."""
    query = select(_d.id).join(events, _e.id == _d.event_id).where(_d.id.in_(dispatch_ids), _e.forgotten_at.is_(None))
    return set(connection.scalars(query))
