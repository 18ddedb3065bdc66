"""Finds what has been kept for long enough, and deletes it. Every function touches a few hundred rows at most."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    Label,
    case,
    delete,
    func,
    literal_column,
    select,
    tuple_,
    update,
)

from ours import ids
from ours.core.retry import OPEN
from ours.store import bulk
from ours.store.hand import Prepared
from ours.store.tables import attempts, audit, dispatches, events, refusals, seen, volumes
from ours.store.tables.dispatches import HELD
from ours.store.tables.events import TEST

_a, _d, _e = attempts.c, dispatches.c, events.c
_MOMENTS: dict[str, Column[int]] = {"volumes": volumes.c.minute, "refusals": refusals.c.hour, "audit": audit.c.at}
_DELETE_ATTEMPT = "DELETE FROM attempts WHERE dispatch_id = {} AND number = {}"
_ONE: Label[int] = literal_column("1").label("count")
_ROUTED = Prepared(select(_e.id, _e.mode, _e.kind, _e.refused, _e.owed, _ONE))
_OWED = Prepared(
    select(_d.id, _d.event_id, _d.mode, _d.state, _ONE, _d.replay_of.is_not(None).cast(Integer).label("replays"))
)


class Aged(NamedTuple):
    """An event as retention sees it. ``rows`` is about how many its deletion deletes; ``open`` counts dispatches."""

    id: str
    mode: str
    received_at: int
    routed_at: int | None
    rows: int
    open: int


class Tried(NamedTuple):
    """An attempt, with its dispatch's state."""

    started_at: int
    dispatch_id: str
    number: int
    state: str | None


def aged(connection: Connection, after: str | None, limit: int, *, test_only: bool) -> list[Aged]:
    """The next events in order of acceptance, however old they are."""
    some = select(_e.id, _e.mode, _e.received_at, _e.routed_at).order_by(_e.id).limit(limit)
    if test_only:
        some = some.where(TEST)
    if after is not None:
        some = some.where(_e.id > after)
    part = some.subquery().c
    rows = 2 + func.count(_d.id) + func.coalesce(func.sum(_d.attempts), 0)
    still_open = func.coalesce(func.sum(case((_d.state.in_(OPEN), 1), else_=0)), 0)
    query = select(part.id, part.mode, part.received_at, part.routed_at, rows, still_open)
    joined = query.outerjoin(dispatches, _d.event_id == part.id)
    grouped = joined.group_by(part.id, part.mode, part.received_at, part.routed_at).order_by(part.id)
    return [Aged(*row) for row in connection.execute(grouped)]


def lock_routed(connection: Connection, event_ids: Sequence[str]) -> list[Any]:
    """Of the events, those that are routed, as the ledger counts them; none gets a replay before all is committed."""
    ending = "AND routed_at IS NOT NULL" + ("" if connection.dialect.name == "sqlite" else " FOR UPDATE SKIP LOCKED")
    return _ROUTED.among(connection, "id", event_ids, ending)


def owed(connection: Connection, event_ids: Iterable[str]) -> list[Any]:
    """The events' dispatches, with ``id``, ``event_id`` and ``state``, as the ledger counts them."""
    return _OWED.among(connection, "event_id", event_ids)


def delete_events(connection: Connection, event_ids: Sequence[str], dispatch_ids: Sequence[str]) -> None:
    """With all that hangs on them, so that nothing is left that names an event which is gone."""
    bulk.change(connection, "DELETE FROM attempts WHERE dispatch_id IN", (), dispatch_ids)
    bulk.change(connection, "DELETE FROM dispatches WHERE id IN", (), dispatch_ids)
    bulk.change(connection, "DELETE FROM seen WHERE event_id IN", (), event_ids)
    bulk.change(connection, "DELETE FROM events WHERE id IN", (), event_ids)


def named_events(connection: Connection, by: str, after: str | None, before: str, limit: int) -> list[str]:
    """The next ids of events that rows of ``dispatches`` or ``seen`` name, in the order they were made."""
    of = {"dispatches": _d, "seen": seen.c}[by].event_id
    query = select(of).where(of < before).order_by(of).limit(limit)
    return list(connection.scalars(query if after is None else query.where(of > after)))


def gone(connection: Connection, event_ids: Collection[str]) -> list[str]:
    """Of these events, those that are no more."""
    return sorted(set(event_ids).difference(connection.scalars(select(_e.id).where(_e.id.in_(event_ids)))))


def tried(connection: Connection, before: int, after: Tried | None, limit: int) -> list[Tried]:
    """The next attempts that began ``before`` then, the oldest first."""
    place = (_a.started_at, _a.dispatch_id, _a.number)
    query = select(*place, _d.state).outerjoin(dispatches, _d.id == _a.dispatch_id).where(_a.started_at < before)
    if after is not None:
        passed = tuple_(*after[:3], types=[column.type for column in place])
        query = query.where(_a.started_at >= after.started_at, tuple_(*place) > passed)
    return [Tried(*row) for row in connection.execute(query.order_by(*place).limit(limit))]


def delete_attempts(connection: Connection, rows: Sequence[Tried]) -> None:
    """One by one: a list of pairs would make SQLite read the whole table."""
    bulk.repeat(connection, _DELETE_ATTEMPT, [(row.dispatch_id, row.number) for row in rows])


def came_since(connection: Connection, moment: int) -> tuple[int, int]:
    """How many events and how many attempts there are since then."""
    since = _e.id >= ids.floor(moment), _a.started_at >= moment
    came = [select(func.count()).where(each).scalar_subquery() for each in since]
    events_, attempts_ = connection.execute(select(*came)).one()
    return int(events_), int(attempts_)


def expire_held(connection: Connection, before: int, now: int, limit: int) -> int:
    """Stop what has been held since ``before``; answers how many."""
    oldest = select(_d.id).where(HELD, _d.updated_at < before).order_by(_d.updated_at, _d.id).limit(limit)
    query = update(dispatches).where(_d.id.in_(oldest.with_for_update(skip_locked=True)))
    return connection.execute(query.values(state="stopped", reason="expired", updated_at=now)).rowcount


def delete_oldest(connection: Connection, what: str, before: int, limit: int) -> int:
    """About ``limit`` rows of volumes, refusals or audit, the oldest first: those of one moment go together."""
    moment = _MOMENTS[what]
    oldest = select(moment).where(moment < before).order_by(moment).limit(limit).subquery()
    upto = select(func.max(oldest.c[0])).scalar_subquery()
    return connection.execute(delete(moment.table).where(moment <= upto)).rowcount
