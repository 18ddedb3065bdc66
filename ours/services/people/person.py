"""Somebody who may sign in, as all others see them."""

from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection

from ours.core import subjects
from ours.core.deeds import Verb
from ours.errors import NotFound
from ours.services import audit
from ours.services.actors import Actor, Role, Who
from ours.store.queries import people as queries

ROLES = ("admin", "editor", "viewer")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in. A session that was begun under another ``session`` number has ended.

    ``second_factor_at``: since when they sign in with a code besides their password (milliseconds); None: they do not.
    """

    id: int
    email: str
    role: Role
    must_change: bool
    session: int
    created_at: int
    signed_in_at: int | None
    second_factor_at: int | None

    @property
    def actor(self) -> Actor:
        """The person as the services ask for them."""
        return Actor(self.email, self.role)


@dataclass(frozen=True, slots=True)
class HalfWay:
    """Somebody who gave the right password, and whose code is still to come. It ends when their sessions do."""

    person_id: int
    session: int


def row(connection: Connection, person_id: int) -> Any:
    """:raises NotFound: when there is nobody with that id."""
    found = queries.one(connection, person_id)
    if found is None:
        raise NotFound(f"There is no person {person_id}. `ours person list` shows who there is.")
    return found


def get(connection: Connection, person_id: int) -> Person:
    """:raises NotFound: when there is nobody with that id."""
    return of(row(connection, person_id))


def of(found: Any) -> Person:
    """The person of a row."""
    return Person(**{field.name: getattr(found, field.name) for field in fields(Person)})


def noted(connection: Connection, verb: Verb, person_id: int, actor: Who | None = None, **told: str) -> Person:
    """Have the audit log say that ``actor`` did this with that person's account, or they themselves did."""
    person = get(connection, person_id)
    audit.record(connection, actor or person.actor, verb, subjects.person(person_id), {"email": person.email, **told})
    return person
