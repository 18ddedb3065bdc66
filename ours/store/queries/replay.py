"""Finds dispatches that may be replayed, and holds them and their events still meanwhile; ends the ambiguous.

A pair is one event and one destination. Its dispatches are a chain, each repeating the one before (a unique index
sees to it), and only the last of the chain may be repeated: so nothing is replayed twice by one wish.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import eq, ge, lt
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, TextClause, and_, case, func, or_, select, update

from ours.core.retry import TERMINAL, TROUBLED
from ours.store.tables import attempts, destinations, dispatches, events
from ours.store.tables.dispatches import TROUBLE

Conditions = tuple[ColumnElement[bool] | TextClause, ...]
Lane = tuple[int, str]
"""A destination and a state."""
_PART = 20_000
"""So many rows are grouped at a time."""
FAILED = frozenset({"rejected", "exhausted", "stopped", "held"})
_d, _e, _later = dispatches.c, events.c, dispatches.alias("later")
# Whatever became of it: what a forgotten visitor's event carried is gone, and what was abandoned before anybody knew
# whose it is would pass rules that look at its visitor. Neither can be sent.
_BARRED = ((_e.forgotten_at.is_not(None), "forgotten"), (_e.visitor_id.is_(None), "visitor_unknown"))
_REASON = case(*_BARRED, else_=_d.reason).label("reason")
_COLUMNS = (_d.id, _d.event_id, _d.destination_id, _d.mode, _d.state, _REASON, _d.delivery_id, _e.name, _e.kind,
            _e.source_id)  # fmt: skip


def is_last(key: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether no dispatch repeats the one of this id."""
    return ~select(_later.c.id).where(_later.c.replay_of == key).exists()


_IS_LAST = is_last(_d.id)
_AMBIGUOUS = and_(_d.state == "held", _d.reason == "ambiguous")
_REPLAYABLE = and_(_IS_LAST, or_(_d.state.in_(TERMINAL), _AMBIGUOUS))


class Candidate(NamedTuple):
    """A dispatch with what is needed to decide anew about it."""

    id: str
    event_id: str
    destination_id: int
    mode: str
    state: str
    reason: str | None
    delivery_id: str | None
    name: str
    kind: str
    source_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which dispatches. ``since`` and ``until`` (milliseconds) are about when they were made; None: any."""

    destination_id: int | None = None
    states: frozenset[str] = FAILED
    reason: str | None = None
    since: int | None = None
    until: int | None = None
    mode: str | None = None


def hold_events(connection: Connection, event_ids: Iterable[str]) -> Sequence[Any]:
    """The events that are (still) there; none is deleted or replayed by others before the transaction ends.

    ``barred``: why nothing of it may be sent, if so.
    """
    barred = case(*_BARRED, else_=None).label("barred")
    query = select(_e.id, _e.mode, _e.kind, _e.name, _e.source_id, _e.routed_at, _e.owed, _e.refused, barred)
    query = query.order_by(_e.id)
    return connection.execute(query.where(_e.id.in_(set(event_ids))).with_for_update(key_share=True)).all()


def pair_of(connection: Connection, dispatch_id: str) -> tuple[str, int] | None:
    """The pair that a dispatch belongs to."""
    row = connection.execute(select(_d.event_id, _d.destination_id).where(_d.id == dispatch_id)).one_or_none()
    return (row.event_id, row.destination_id) if row else None


def last_of(connection: Connection, event_id: str, destination_id: int) -> Candidate | None:
    """The pair's last dispatch, in whatever state."""
    query = _candidates().where(_d.event_id == event_id, _d.destination_id == destination_id, _IS_LAST)
    row = connection.execute(query.with_for_update(of=dispatches)).one_or_none()
    return Candidate(*row) if row else None


def of_event(connection: Connection, event_id: str) -> list[Candidate]:
    """Those of the event that may be replayed and were not delivered."""
    return _held_still(connection, _candidates().where(_d.event_id == event_id, _d.state != "delivered", _REPLAYABLE))


def of_ids(connection: Connection, ids: Sequence[str], wanted: Filter) -> list[Candidate]:
    """Of these dispatches, those that match now and may be replayed."""
    return _held_still(connection, _candidates().where(_d.id.in_(ids), *_chosen(wanted)))


def event_ids(connection: Connection, ids: Sequence[str]) -> set[str]:
    return set(connection.scalars(select(_d.event_id).where(_d.id.in_(ids))))


def newest(connection: Connection) -> str | None:
    """The id of the dispatch that was made last."""
    return connection.scalar(select(_d.id).order_by(_d.id.desc()).limit(1))


_INHABITED = select(
    destinations.c.id,
    *(
        select(_d.id).where(TROUBLE, _d.destination_id == destinations.c.id, _d.state == state).exists().label(state)
        for state in TROUBLED
    ),
).order_by(destinations.c.id)


def lanes(connection: Connection, wanted: Filter) -> list[Lane]:
    """Those of trouble in which anything lies. Most are empty where there are many destinations, and are asked for no
    more."""
    place = wanted.destination_id
    found = connection.execute(_INHABITED if place is None else _INHABITED.where(destinations.c.id == place))
    return [(row.id, state) for row in found for state in TROUBLED if state in wanted.states and getattr(row, state)]


def page(connection: Connection, wanted: Filter, lane: Lane, between: tuple[str | None, str], limit: int) -> list[str]:
    """The next ids of one lane: those of trouble lie together in its index."""
    (destination_id, state), (after, upto) = lane, between
    query = select(_d.id).where(_d.destination_id == destination_id, _d.state == state, *_chosen(wanted))
    if state in TROUBLED:
        query = query.where(TROUBLE)
    if after is not None:
        query = query.where(_d.id > after)
    return list(connection.scalars(query.where(_d.id <= upto).order_by(_d.id).limit(limit)))


def groups(connection: Connection, wanted: Filter) -> Iterator[Any]:
    """All that match, counted by what decides whether and how they may go. A group may come several times, each with a
    part: what is sorted to be grouped is kept in memory, and what is asked at once is waited for."""
    kinds = (_d.destination_id, _d.mode, _d.state, _REASON, _e.name, _e.kind, _e.source_id)
    figures = (func.count().label("count"), func.min(_d.created_at).label("oldest"),
               func.max(_d.created_at).label("newest"))  # fmt: skip
    query = select(*kinds, *figures).join(events, _e.id == _d.event_id).where(*_chosen(wanted)).group_by(*kinds)
    for place, state in lanes(connection, wanted):
        lane = TROUBLE, _d.destination_id == place, _d.state == state
        for part in _parts(connection, lane):
            yield from connection.execute(query.where(*lane, *part))
    if others := wanted.states.difference(TROUBLED):
        for part in _parts(connection, ()):
            yield from connection.execute(query.where(_d.state.in_(others), *part))


def _parts(connection: Connection, lane: Conditions) -> Iterator[Conditions]:
    """Stretches of ids with ``_PART`` rows of the lane each, and what is behind the last."""
    rest: Conditions = ()
    query = select(_d.id).where(*lane).order_by(_d.id).offset(_PART - 1).limit(1)
    while upto := connection.scalar(query.where(*rest)):
        yield *rest, _d.id <= upto
        rest = (_d.id > upto,)
    yield rest


def usual_duration(connection: Connection, tries: int = 200) -> float | None:
    """Milliseconds that the latest tries took, on average."""
    latest = select(attempts.c.duration_ms).order_by(attempts.c.started_at.desc()).limit(tries).subquery()
    mean = connection.scalar(select(func.avg(latest.c.duration_ms)))
    return None if mean is None else float(mean)


def stop_ambiguous(connection: Connection, ids: Sequence[str], now: int) -> None:
    """What nobody could say of whether it had arrived is stopped, for its replay takes over."""
    query = update(dispatches).where(_d.id.in_(ids), _AMBIGUOUS)
    connection.execute(query.values(state="stopped", reason="replayed", updated_at=now))


def confirm(connection: Connection, ids: Sequence[str], now: int, seen: int) -> int:
    """Of these, what was ambiguous at the moment ``seen`` and is still has been delivered; how many."""
    mine = select(_d.id).where(_d.id.in_(ids), _AMBIGUOUS, _d.updated_at <= seen).order_by(_d.id)
    arrived = connection.scalars(mine.with_for_update()).all()
    query = update(dispatches).where(_d.id.in_(arrived))
    return connection.execute(query.values(state="delivered", reason="confirmed", updated_at=now)).rowcount


def amend(connection: Connection, event_id: str, owed: int, refused: str | None) -> None:
    """Write down that one more of the event's decisions is a dispatch."""
    connection.execute(update(events).where(_e.id == event_id).values(owed=owed, refused=refused))


def _candidates() -> Select[Any]:
    return select(*_COLUMNS).join(events, _e.id == _d.event_id)


def _held_still(connection: Connection, query: Select[Any]) -> list[Candidate]:
    rows = connection.execute(query.order_by(_d.id).with_for_update(of=dispatches))
    return [Candidate(*row) for row in rows]


def _chosen(wanted: Filter) -> list[ColumnElement[bool]]:
    bounds: tuple[tuple[ColumnElement[Any], Callable[..., ColumnElement[bool]], Any], ...] = (
        (_d.destination_id, eq, wanted.destination_id),
        (_d.reason, eq, wanted.reason),
        (_d.mode, eq, wanted.mode),
        (_d.created_at, ge, wanted.since),
        (_d.created_at, lt, wanted.until),
    )
    given = [compare(column, bound) for column, compare, bound in bounds if bound is not None]
    return [_REPLAYABLE, _d.state.in_(wanted.states), *given]
