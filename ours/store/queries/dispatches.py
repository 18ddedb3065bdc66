"""The life of a dispatch in SQL: made, claimed under a lease, recorded, given back."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, case, func, not_, or_, select, text, update

from ours.errors import DAMAGED
from ours.store import bulk
from ours.store.hand import Prepared
from ours.store.queries.destinations import LONGEST_REST
from ours.store.tables import attempts, destinations, dispatches
from ours.store.tables.dispatches import IN_HAND, OPEN, WAITING

_d = dispatches.c


class NewDispatch(NamedTuple):
    id: str
    event_id: str
    destination_id: int
    mode: str
    state: str
    reason: str | None
    due_at: int | None
    replay_of: str | None
    created_at: int
    updated_at: int
    delivery_id: str | None = None
    lane: str | None = None


class Claimed(NamedTuple):
    """A dispatch in hand. ``attempt`` is the number of the try that begins, ``spared`` how many before it did not count
    for its retry schedule, ``delivery_id`` what receivers are told."""

    id: str
    event_id: str
    destination_id: int
    mode: str
    attempt: int
    created_at: int
    delivery_id: str
    spared: int = 0


class Settled(NamedTuple):
    """Where a try left its dispatch. ``spared`` is 1 when the try does not count for the retry schedule."""

    id: str
    state: str
    reason: str | None
    due_at: int | None
    spared: int = 0


class NewAttempt(NamedTuple):
    dispatch_id: str
    number: int
    started_at: int
    duration_ms: int
    outcome: str
    code: str | None
    status: int | None
    plugin_version: str
    config_version: int
    exchange: bytes


def insert_many(connection: Connection, rows: Iterable[NewDispatch]) -> None:
    bulk.insert(connection, "dispatches", (*NewDispatch._fields, "attempts"), [(*row, 0) for row in rows])


_earlier = dispatches.alias("earlier")
_BEHIND = (
    select(_earlier.c.id)
    .where(
        _earlier.c.destination_id == _d.destination_id,
        _earlier.c.lane == _d.lane,
        _earlier.c.id < _d.id,
        OPEN,
        or_(_earlier.c.reason.is_(None), and_(_earlier.c.reason != "ambiguous", _earlier.c.reason != DAMAGED)),
    )
    .correlate(dispatches)
)
# Where order matters, one at a time of each visitor. What may have arrived had its turn; what is damaged has none.
_FREE = or_(_d.lane.is_(None), not_(_BEHIND.exists()))
_DUE = and_(_d.destination_id == destinations.c.id, _d.due_at <= bindparam("now"))
_rests = destinations.c.rests_until
# A rest longer than any means that the clock was set back.
_MAY_BE_TRIED = and_(
    destinations.c.status == "on",
    destinations.c.breaker != "open",
    or_(_rests.is_(None), _rests <= bindparam("now"), _rests > bindparam("latest")),
)
_HAS_WORK = select(_d.id).where(_DUE, _FREE).exists()
_WITH_WORK = Prepared(select(destinations.c.id).where(_MAY_BE_TRIED, _HAS_WORK).order_by(destinations.c.id))


def with_work(connection: Connection, now: int, since: int | None = None) -> list[int]:
    """The destinations that may be tried and have something due; ``since``: and that were and had by then."""
    return _WITH_WORK.column(connection, now=now if since is None else since, latest=now + LONGEST_REST)


_IN_HAND = Prepared(
    select(func.count()).where(_d.destination_id == bindparam("of"), _d.lease_until >= bindparam("now"))
)


def in_hand(connection: Connection, destination_id: int, now: int) -> int:
    """How many dispatches of a destination all workers together have in hand."""
    return int(_IN_HAND.value(connection, of=destination_id, now=now))


_OF_IT = select(destinations.c.id).where(destinations.c.id == bindparam("of"), _MAY_BE_TRIED)
_NEXT = (
    select(_d.id)
    .where(_d.destination_id == bindparam("of"), _d.due_at <= bindparam("now"), _FREE, _OF_IT.exists())
    .order_by(_d.due_at, _d.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_CLAIM = Prepared(
    update(dispatches)
    .where(_d.id.in_(_NEXT))
    .values(
        state="sending",
        attempts=_d.attempts + 1,
        due_at=None,
        lease=bindparam("holder"),
        lease_until=bindparam("until"),
        updated_at=bindparam("now"),
    )
    .returning(
        _d.id,
        _d.event_id,
        _d.destination_id,
        _d.mode,
        _d.attempts,
        _d.created_at,
        func.coalesce(_d.delivery_id, _d.id),
        _d.spared,
    ),
    Claimed,
)


def claim(
    connection: Connection, destination_id: int, most: int, *, holder: str, now: int, until: int
) -> list[Claimed]:
    """Take up to ``most`` due dispatches of one destination into hand, the longest due first.

    None when the destination was paused, its breaker opened, or it asked for a rest in the meantime.
    """
    latest = now + LONGEST_REST
    rows = _CLAIM.all(connection, of=destination_id, most=most, holder=holder, now=now, until=until, latest=latest)
    return sorted(rows)


def in_hand_of(connection: Connection, dispatch_id: str, holder: str) -> Any | None:
    """The dispatch's row, if ``holder`` has it in hand."""
    columns = (_d.id, _d.mode, _d.attempts, _d.updated_at)
    return connection.execute(select(*columns).where(_d.id == dispatch_id, _d.lease == holder)).one_or_none()


_SETTLE = (
    "UPDATE dispatches SET state = {}, reason = {}, due_at = {}, spared = spared + {}, updated_at = {},"
    " lease = NULL, lease_until = NULL WHERE lease = {} AND id IN"
)


def settle(connection: Connection, rows: Sequence[Settled], *, holder: str, now: int) -> int:
    """Record where the tries of ``holder`` ended. One whose lease was lost meanwhile is left as it is.

    Answers how many were recorded.
    """
    alike: dict[tuple[str, str | None, int | None, int], list[str]] = {}
    for row in rows:
        alike.setdefault((row.state, row.reason, row.due_at, row.spared), []).append(row.id)
    return sum(bulk.change(connection, _SETTLE, (*to, now, holder), ids) for to, ids in alike.items())


_GO_ON = (
    update(dispatches)
    .where(_d.id == bindparam("key"), _d.lease == bindparam("holder"))
    .values(attempts=_d.attempts + 1, spared=_d.spared + 1, updated_at=bindparam("now"))
)


def go_on(connection: Connection, ids: Sequence[str], *, holder: str, now: int) -> None:
    """A try of each ended that counts for nothing, and the next has begun under the same lease."""
    if ids:
        connection.execute(_GO_ON, [{"key": one, "holder": holder, "now": now} for one in ids])


_TOLD = ("duration_ms", "outcome", "code", "status", "exchange")
_OVERWRITE = bulk.overwrite(("dispatch_id", "number"), _TOLD)


def record(connection: Connection, rows: Sequence[NewAttempt]) -> None:
    """Keep the tries. One that the sweep had given up for lost is overwritten by what really came of it."""
    bulk.insert(connection, "attempts", NewAttempt._fields, rows, _OVERWRITE)


def give_back(connection: Connection, ids: Sequence[str], *, holder: str, now: int) -> None:
    """Put dispatches back that were claimed and not sent: as if never touched."""
    if ids:
        connection.execute(
            update(dispatches)
            .where(_d.id.in_(ids), _d.lease == holder)
            .values(state="pending", attempts=_d.attempts - 1, due_at=now, lease=None, lease_until=None, updated_at=now)
        )


def stop_forgotten(connection: Connection, ids: Sequence[str], *, holder: str, now: int) -> None:
    """End dispatches that were claimed and not sent, for their visitors were forgotten. No try of theirs is counted."""
    if ids:
        theirs = update(dispatches).where(_d.id.in_(ids), _d.lease == holder)
        ended = {"state": "stopped", "reason": "forgotten", "attempts": _d.attempts - 1}
        connection.execute(theirs.values(**ended, lease=None, lease_until=None, updated_at=now))


_HOLD = (
    update(dispatches)
    .where(_d.id == bindparam("key"), _d.lease == bindparam("holder"))
    .values(
        state="held", reason=bindparam("why"), attempts=_d.attempts - 1, lease=None, lease_until=None,
        updated_at=bindparam("now"),
    )
)  # fmt: skip


def hold_unopened(connection: Connection, reasons: Mapping[str, str], *, holder: str, now: int) -> None:
    """Hold claimed dispatches for which nothing could be made, for these reasons by id. No try of theirs is used up."""
    if reasons:
        values = [{"key": key, "why": why, "holder": holder, "now": now} for key, why in sorted(reasons.items())]
        connection.execute(_HOLD, values)


_RENEW = "UPDATE dispatches SET lease_until = {} WHERE lease = {} AND id IN"


def renew(connection: Connection, ids: Iterable[str], *, holder: str, until: int) -> None:
    """Keep these in hand for longer, and no other: what ``holder`` does not know of is to run out."""
    bulk.change(connection, _RENEW, (until, holder), list(ids))


def ahead(connection: Connection, moment: int, limit: int) -> Sequence[str]:
    """Dispatches that wait or are in hand and were last written down after ``moment``. Reads all that are open."""
    found = (select(_d.id).where(part, _d.updated_at > moment).limit(limit) for part in (WAITING, IN_HAND))
    return [dispatch_id for query in found for dispatch_id in connection.scalars(query)]


def pull_back(connection: Connection, ids: Sequence[str], now: int, until: int) -> None:
    """Let these wait as long from now as they were to wait when they were written down.

    A lease lasts ``until`` then, which its holder renews if it lives.
    """
    waits = case((_d.due_at > _d.updated_at, _d.due_at - _d.updated_at), else_=0)
    values = {
        "due_at": case((_d.due_at.is_not(None), now + waits), else_=None),
        "lease_until": case((_d.lease_until.is_not(None), until), else_=None),
        "updated_at": now,
    }
    connection.execute(update(dispatches).where(_d.id.in_(ids), _d.updated_at > now).values(values))


def losses(connection: Connection, ids: Sequence[str], code: str) -> dict[str, int]:
    """How many tries of each of these ended with ``code``; those that have none are left out."""
    query = select(attempts.c.dispatch_id, func.count()).where(attempts.c.dispatch_id.in_(ids), attempts.c.code == code)
    return {row[0]: row[1] for row in connection.execute(query.group_by(attempts.c.dispatch_id))}


def end_leases(connection: Connection) -> None:
    """Whoever has anything in hand is not here: the database was put back from elsewhere."""
    connection.execute(update(dispatches).where(_d.state == "sending").values(lease_until=0))


def be_let_in(connection: Connection) -> None:
    """Fails at once where PostgreSQL would have somebody wait who records a dispatch."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE dispatches IN ROW EXCLUSIVE MODE NOWAIT"))


def lost(connection: Connection, now: int, limit: int, *, steady: bool = False) -> Sequence[Any]:
    """Dispatches whose holder has not renewed its lease: it died, or it hangs.

    ``steady``: none is recorded or renewed before the transaction ends.
    """
    columns = (
        _d.id,
        _d.mode,
        _d.attempts,
        _d.spared,
        _d.lease,
        _d.updated_at,
        destinations.c.slug,
        destinations.c.retry_schedule,
    )
    query = (
        select(*columns)
        .join(destinations, destinations.c.id == _d.destination_id)
        .where(_d.lease_until < now)
        .order_by(_d.lease_until)
        .limit(limit)
    )
    if steady:
        query = query.with_for_update(of=dispatches, skip_locked=True)
    return connection.execute(query).all()
