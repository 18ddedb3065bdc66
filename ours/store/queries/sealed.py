"""Everything that is sealed, wherever it stands: walked through in parts, by the key that sealed it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, and_, bindparam, func, select, tuple_, update

from ours.store import binding
from ours.store.tables import attempts, destinations, events, keepsakes, keys, second_factors, versions, visitors

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Shelf:
    """One sealed column. ``bound`` says what a row's value is bound to, from the columns in ``names``."""

    name: str
    sealed: Column[bytes]
    key: tuple[Column[Any], ...]
    names: tuple[Column[Any], ...]
    bound: Callable[..., str]


SHELVES: Sequence[Shelf] = (
    Shelf("keepsakes", keepsakes.c.sealed, (keepsakes.c.name,), (keepsakes.c.name,), binding.keepsake),
    Shelf("keys", keys.c.sealed, (keys.c.id,), (keys.c.hash,), binding.key),
    Shelf("destinations", destinations.c.settings, (destinations.c.id,), (destinations.c.id,), binding.settings),
    Shelf("second factors", second_factors.c.sealed, (second_factors.c.person_id,), (second_factors.c.person_id,),
          binding.second_factor),
    Shelf("visitors", visitors.c.profile, (visitors.c.id,), (visitors.c.id,), binding.visitor),
    Shelf("events", events.c.payload, (events.c.id,), (events.c.id,), binding.event),
    Shelf("attempts", attempts.c.exchange, (attempts.c.dispatch_id, attempts.c.number),
          (attempts.c.dispatch_id, attempts.c.number), binding.attempt),
    Shelf("versions", versions.c.document, (versions.c.id,), (versions.c.id,), binding.version),
)  # fmt: skip
_AT_FIRST = 3
"""So many of them are there in every version, and hold something before an event does."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A row's sealed value, what it is bound to, and the key to find it by."""

    key: Key
    bound: str
    value: bytes


def count(connection: Connection, shelf: Shelf, head: bytes) -> tuple[int, int]:
    """How many values the key of ``head`` sealed, and how many another did."""
    mine = func.count().filter(func.substr(shelf.sealed, 1, len(head)) == head)
    row = connection.execute(select(mine, func.count()).select_from(shelf.sealed.table)).one()
    return row[0], row[1] - row[0]


def any_other(connection: Connection, shelf: Shelf, head: bytes) -> bool:
    """Whether another key than that of ``head`` sealed any value."""
    query = select(*shelf.key).where(func.substr(shelf.sealed, 1, len(head)) != head).limit(1)
    return connection.execute(query).first() is not None


def page(connection: Connection, shelf: Shelf, after: Key | None, limit: int) -> list[Sealed]:
    """The next values, whoever sealed them, in the order of their keys."""
    query = select(*shelf.key, *shelf.names, shelf.sealed).order_by(*shelf.key).limit(limit)
    if after is not None:
        query = query.where(tuple_(*shelf.key) > tuple_(*after, types=[one.type for one in shelf.key]))
    wide = len(shelf.key)
    rows = connection.execute(query).all()
    return [Sealed(tuple(row[:wide]), shelf.bound(*row[wide:-1]), row[-1]) for row in rows]


def first_sealed(connection: Connection) -> Sealed | None:
    """What tells whose the database is: the key of its hashes, or what was sealed before there was an event."""
    firsts = (page(connection, shelf, None, 1) for shelf in SHELVES[:_AT_FIRST])
    return next((one for (one,) in filter(None, firsts) if one.value), None)  # a row's own may still have to be sealed


def replace(connection: Connection, shelf: Shelf, pairs: Iterable[tuple[Sealed, bytes]]) -> int:
    """Put the new values in place of the old ones, where nobody has changed those since; how many."""
    names = [f"key_{number}" for number in range(len(shelf.key))]
    mine = [column == bindparam(name) for column, name in zip(shelf.key, names, strict=True)]
    query = update(shelf.sealed.table).where(and_(*mine, shelf.sealed == bindparam("old")))
    values = [dict(zip(names, old.key, strict=True)) | {"old": old.value, "new": new} for old, new in pairs]
    return connection.execute(query.values({shelf.sealed.name: bindparam("new")}), values).rowcount if values else 0
