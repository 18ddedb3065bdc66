"""People who sign in to the dashboard."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from ours.store.hand import Prepared
from ours.store.tables import people, second_factors

ENDED = people.c.session + 1
"""As the ``session`` to change to: ends every session that is open, however many do so at once."""
_MINUTE = 60_000
_PEOPLE = select(people, second_factors.c.set_at.label("second_factor_at")).outerjoin(
    second_factors, second_factors.c.person_id == people.c.id
)
_ONE = Prepared(_PEOPLE.where(people.c.id == bindparam("id")))


def all_people(connection: Connection) -> Sequence[Any]:
    return connection.execute(_PEOPLE.order_by(people.c.email)).all()


def one(connection: Connection, person_id: int) -> Any | None:
    return next(iter(_ONE.all(connection, id=person_id)), None)


def by_email(connection: Connection, email: str) -> Any | None:
    return connection.execute(_PEOPLE.where(people.c.email == email)).one_or_none()


def count(connection: Connection) -> int:
    return connection.scalar(select(func.count()).select_from(people)) or 0


def hold_admins(connection: Connection) -> Sequence[int]:
    """Their ids. None becomes one or stops to be one, as far as who does that asks here first, before the transaction
    ends."""
    query = select(people.c.id).where(people.c.role == "admin").order_by(people.c.id)
    return connection.scalars(query.with_for_update()).all()


def insert_person(connection: Connection, values: dict[str, Any]) -> int | None:
    """The new id; None when somebody has that email already."""
    try:
        with connection.begin_nested():
            return int(connection.scalars(insert(people).values(values).returning(people.c.id)).one())
    except IntegrityError:
        return None


def change(connection: Connection, person_id: int, values: dict[str, Any], *, session: int | None = None) -> bool:
    """Whether it was done: not, when ``session`` is given and their sessions have been ended since."""
    theirs = people.c.id == person_id if session is None else (people.c.id == person_id) & (people.c.session == session)
    return connection.execute(update(people).where(theirs).values(values)).rowcount > 0


def remove(connection: Connection, person_id: int) -> None:
    drop_second_factor(connection, person_id)
    connection.execute(delete(people).where(people.c.id == person_id))


def second_factor(connection: Connection, person_id: int) -> bytes | None:
    """Sealed; None when they have none. Whoever is to change it has it alone."""
    query = select(second_factors.c.sealed).where(second_factors.c.person_id == person_id).with_for_update()
    return connection.scalar(query)


def set_second_factor(connection: Connection, person_id: int, sealed: bytes, now: int) -> None:
    """In the place of one that was set at the same moment, if there is one."""
    drop_second_factor(connection, person_id)
    connection.execute(insert(second_factors).values(person_id=person_id, sealed=sealed, set_at=now))


def change_second_factor(connection: Connection, person_id: int, sealed: bytes) -> None:
    connection.execute(update(second_factors).where(second_factors.c.person_id == person_id).values(sealed=sealed))


def drop_second_factor(connection: Connection, person_id: int) -> bool:
    """Whether there was one."""
    return connection.execute(delete(second_factors).where(second_factors.c.person_id == person_id)).rowcount > 0


def end_all_sessions(connection: Connection, now: int) -> None:
    """Of everybody who is here. The number is one that nobody had, whatever was raised since this was written."""
    anew = now // _MINUTE
    ended = case((people.c.session < anew, anew), else_=ENDED)
    connection.execute(update(people).values(session=ended))


def change_all(connection: Connection, values: dict[str, Any]) -> None:
    connection.execute(update(people).values(values))
