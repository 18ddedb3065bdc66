"""Destinations and their allow lists."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from ours.store.hand import Prepared
from ours.store.tables import allowed, destinations

LONGEST_REST = 24 * 3_600_000
"""Milliseconds for which a destination may ask to be left alone."""
_THERE = destinations.c.status != "removed"
_NOT_REMOVED = select(destinations).where(_THERE).order_by(destinations.c.id)
_CURRENT = Prepared(_NOT_REMOVED)
_IS_ON = destinations.c.status == "on"
_WHOLE = Prepared(select(destinations))
_STANDING = Prepared(
    select(
        destinations.c.id, destinations.c.version, destinations.c.updated_at, destinations.c.breaker,
        destinations.c.breaker_failures, destinations.c.breaker_refusals, destinations.c.breaker_until,
    )
    .where(_IS_ON)
    .order_by(destinations.c.id)
)  # fmt: skip
_RESTING = Prepared(
    select(destinations.c.id).where(
        destinations.c.rests_until > bindparam("now"), destinations.c.rests_until <= bindparam("latest")
    )
)
_NAMES = Prepared(_NOT_REMOVED.with_only_columns(destinations.c.id, destinations.c.name))
_EVER = Prepared(select(destinations.c.id, destinations.c.name, destinations.c.status))
_TO_ROUTE = (
    select(
        destinations.c.id, destinations.c.slug, destinations.c.status, destinations.c.breaker, destinations.c.sources,
        destinations.c.category,
    )
    .where(_THERE)
    .order_by(destinations.c.id)
)  # fmt: skip
_LOOSE, _STEADY = Prepared(_TO_ROUTE), Prepared(_TO_ROUTE.with_for_update(read=True))
_ALLOWED = Prepared(select(allowed.c.destination_id, allowed.c.name_key))


def to_route(connection: Connection, *, steady: bool = False) -> Sequence[Any]:
    """What routing asks of those not removed, by id; ``steady``: none changes before this transaction ends."""
    return (_STEADY if steady else _LOOSE).all(connection)


def allow_lists(connection: Connection) -> dict[int, set[str]]:
    """The name keys on each destination's list; without an entry, it has none."""
    keys: dict[int, set[str]] = {}
    for destination_id, name_key in _ALLOWED.all(connection):
        keys.setdefault(destination_id, set()).add(name_key)
    return keys


def standing(connection: Connection) -> Sequence[Any]:
    """Of those that deliver, by id: the version and its moment, and the columns of the breaker."""
    return _STANDING.all(connection)


def those_on(connection: Connection, ids: Iterable[int]) -> Sequence[Any]:
    """Of these, those that deliver, whole."""
    return _WHOLE.among(connection, "id", ids, "AND status = 'on'")


def rows(connection: Connection) -> Sequence[Any]:
    """Those not removed, by id."""
    return _CURRENT.all(connection)


def names(connection: Connection) -> Sequence[Any]:
    """Id and name of each, by id."""
    return _NAMES.all(connection)


def ever(connection: Connection) -> Sequence[Any]:
    """Id, name and status of each that there ever was."""
    return _EVER.all(connection)


def one(connection: Connection, destination_id: int) -> Any | None:
    """Removed ones too."""
    return connection.execute(select(destinations).where(destinations.c.id == destination_id)).one_or_none()


def locked(connection: Connection, destination_id: int, *, skip: bool = False) -> Any | None:
    """The row, which nobody else changes before this transaction ends; ``skip``: None when somebody has it locked."""
    query = select(destinations).where(destinations.c.id == destination_id).with_for_update(skip_locked=skip)
    return connection.execute(query).one_or_none()


def hold_all(connection: Connection) -> None:
    """Nobody else changes any before this transaction ends. In the order in which routing takes them: whoever changes
    several in another order, and routing, would wait for each other."""
    connection.execute(select(destinations.c.id).order_by(destinations.c.id).with_for_update()).all()


def with_open_breaker(connection: Connection) -> Sequence[Any]:
    """Those that are on and whose breaker is not closed, by id."""
    broken = _NOT_REMOVED.where(destinations.c.status == "on", destinations.c.breaker != "closed")
    return connection.execute(broken).all()


def allowed_names(connection: Connection) -> dict[int, list[str]]:
    """Each destination's allow list as it was typed."""
    names: dict[int, list[str]] = {}
    for row in connection.execute(select(allowed).order_by(allowed.c.name)):
        names.setdefault(row.destination_id, []).append(row.name)
    return names


def allowed_of(connection: Connection, destination_id: int) -> list[str]:
    """One destination's allow list as it was typed."""
    query = select(allowed.c.name).where(allowed.c.destination_id == destination_id).order_by(allowed.c.name)
    return list(connection.scalars(query))


def insert_destination(connection: Connection, values: Mapping[str, Any]) -> int:
    """The new id. Its settings are sealed for that id, so they follow in a second step (``change``)."""
    fixed = {"status": "on", "settings": b"", "version": 1}
    return int(connection.scalars(insert(destinations).values(fixed | dict(values)).returning(destinations.c.id)).one())


def change(connection: Connection, destination_id: int, values: Mapping[str, Any]) -> None:
    connection.execute(update(destinations).where(destinations.c.id == destination_id).values(dict(values)))


def resting(connection: Connection, now: int) -> list[int]:
    """Those that asked to be left alone, and for which that is not over. Longer than any means a clock set back."""
    return _RESTING.column(connection, now=now, latest=now + LONGEST_REST)


def let_rest(connection: Connection, destination_id: int, until: int, now: int) -> None:
    """Nobody tries it before ``until``; a longer rest that it asked for before stands."""
    rests = destinations.c.rests_until
    shorter = or_(rests.is_(None), rests < until, rests > now + LONGEST_REST)
    connection.execute(
        update(destinations).where(destinations.c.id == destination_id, shorter).values(rests_until=until)
    )


def replace_allowed(connection: Connection, destination_id: int, names: Mapping[str, str]) -> None:
    """``names``: key → event name as typed."""
    connection.execute(delete(allowed).where(allowed.c.destination_id == destination_id))
    if names:
        entries = [{"destination_id": destination_id, "name_key": key, "name": name} for key, name in names.items()]
        connection.execute(insert(allowed), entries)
