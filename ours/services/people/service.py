"""People who sign in to the dashboard: who they are, and what they may."""

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from ours import clock, ids, log
from ours.core import subjects
from ours.core.deeds import Verb
from ours.errors import Invalid, NotFound
from ours.services import audit, passwords
from ours.services.actors import Who, needs
from ours.services.people import person as persons
from ours.services.people.person import ROLES, HalfWay, Person
from ours.services.people.second_factors import SecondFactors
from ours.store import Store
from ours.store.queries import people as queries

_logger = log.get("people")
FIRST_EMAIL = "admin@localhost"
_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@]{1,255}")


class _Overtaken(Exception):
    """Their sessions were ended meanwhile."""


class People:
    """``actor`` is who does it; what they may not is refused here."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._passwords = passwords.Passwords()
        self._second_factors = SecondFactors(store)

    def first(self) -> str | None:
        """Make the first admin and return the password to print; None when there is somebody already."""
        with self._store.read() as connection:
            if queries.count(connection):
                return None
        try:
            return self.add(FIRST_EMAIL, "admin", actor="first start")[1]
        except Invalid:  # another process was faster
            return None

    @needs("admin")
    def add(self, email: str, role: str, *, password: str | None = None, actor: Who) -> tuple[Person, str]:
        """A new person, and the password to hand over: the one given, or a random one. It must be changed.

        :raises Invalid: when the email is none or taken, the role is unknown, or the password too weak.
        """
        email, role = _clean(email), _known(role)
        password = ids.new_password() if password is None else password
        passwords.check(password, email, "password")
        values = {"email": email, "password": self._passwords.hash(password), "role": role, "must_change": True,
                  "session": 1, "created_at": clock.now_ms()}  # fmt: skip
        with self._store.write() as connection:
            person_id = queries.insert_person(connection, values)
            if person_id is None:
                raise Invalid("Somebody with this email exists already.", {"email": ["Taken already."]})
            audit.record(connection, actor, "add", subjects.person(person_id), {"email": email, "role": role})
            return persons.get(connection, person_id), password

    def list(self) -> Sequence[Person]:
        """Everybody, by email."""
        with self._store.read() as connection:
            return [persons.of(row) for row in queries.all_people(connection)]

    def get(self, person_id: int) -> Person:
        """:raises NotFound: when there is nobody with that id."""
        with self._store.read() as connection:
            return persons.get(connection, person_id)

    def find(self, email: str) -> Person:
        """:raises NotFound: when nobody has that email."""
        with self._store.read() as connection:
            row = queries.by_email(connection, _clean(email))
        if row is None:
            raise NotFound(f"Nobody has the email {email.strip()}. `ours person list` shows who there is.")
        return persons.of(row)

    def sign_in(self, email: str, password: str, address: str = "") -> Person | HalfWay | None:
        """The person, if the password is theirs; ``HalfWay``, if they are to be asked for a code, too.

        An unknown email takes as long as a wrong password. The log keeps each try with the ``address`` it came from;
        never an email, for people type passwords there.
        """
        folded = _fold(email)
        with self._store.read() as connection:
            row = queries.by_email(connection, folded) if _is_email(folded) else None
        if not self._passwords.match(row and row.password, password) or row is None:
            _logger.warning("sign_in_refused", person=row.id if row else None, address=address)
            return None
        if self._passwords.is_old(row.password):
            with self._store.write() as connection:
                queries.change(connection, row.id, {"password": self._passwords.hash(password)}, session=row.session)
        half = HalfWay(row.id, row.session)
        if not row.second_factor_at:
            return self._come_in(half, None, address)
        _logger.info("code_asked", person=row.id, address=address)
        return half

    def awaits_code(self, half: HalfWay) -> bool:
        """Whether a code leads on: not when their sessions were ended meanwhile, or their second factor removed."""
        with self._store.read() as connection:
            row = queries.one(connection, half.person_id)
        return row is not None and row.session == half.session and row.second_factor_at is not None

    def finish(self, half: HalfWay, code: str, address: str = "") -> Person | None:
        """The person, if ``code`` is good: their authenticator's, or one of their recovery codes.

        None, too, when their sessions were ended meanwhile; that uses up no code.

        :raises TooManyCodes: when there were too many wrong ones.
        """
        person = self._come_in(half, code, address)
        if person is None:
            _logger.warning("code_refused", person=half.person_id, address=address)
        return person

    def _come_in(self, half: HalfWay, code: str | None, address: str) -> Person | None:
        """``code``: None where none is asked for."""
        try:
            with self._store.write() as connection:
                if code is not None and not self._second_factors.take(connection, half.person_id, code):
                    return None
                entry = {"signed_in_at": clock.now_ms()}
                person = _changed(connection, half.person_id, entry, "sign_in", session=half.session)
        except _Overtaken:
            return None
        _logger.info("signed_in", person=person.id, address=address)
        return person

    def change_password(self, person_id: int, old: str, new: str) -> Person:
        """By the person alone; ends their other sessions (the person returned has the new session number).

        :raises Invalid: when the old password is wrong or the new one too weak.
        """
        with self._store.read() as connection:
            row = persons.row(connection, person_id)
        if not self._passwords.match(row.password, old):
            raise Invalid.at("old", "The old password is wrong.")
        if new == old:
            raise Invalid.at("new", "The new password is the same as the old one. Choose another.")
        passwords.check(new, row.email, "new")
        changes = {"password": self._passwords.hash(new), "must_change": False, "session": queries.ENDED}
        try:
            return self._change(person_id, changes, "change_password", None, session=row.session)
        except _Overtaken:
            raise Invalid.at("old", "The old password is wrong.") from None

    @needs("admin")
    def reset(self, email: str, *, actor: Who) -> str:
        """A new password to hand over; it must be changed at the next sign-in, and all sessions end."""
        person, password = self.find(email), ids.new_password()
        changes = {"password": self._passwords.hash(password), "must_change": True, "session": queries.ENDED}
        self._change(person.id, changes, "reset_password", actor)
        return password

    def sign_out(self, person_id: int, address: str = "") -> None:
        """Keep that they signed out, in the log and then in the audit log: their browser's cookie is all that ends.

        :raises Busy: when the database can't be written.
        """
        _logger.info("signed_out", person=person_id, address=address)
        with self._store.write() as connection:
            persons.noted(connection, "sign_out", person_id)

    def end_own_sessions(self, person_id: int) -> Person:
        """Sign the person out everywhere, at their own wish."""
        return self._change(person_id, {"session": queries.ENDED}, "end_sessions", None)

    @needs("admin")
    def end_sessions(self, person_id: int, *, actor: Who) -> Person:
        """Sign somebody out everywhere."""
        return self._change(person_id, {"session": queries.ENDED}, "end_sessions", actor)

    @needs("admin")
    def set_role(self, person_id: int, role: str, *, actor: Who) -> Person:
        """:raises Invalid: when nobody would be left who is an admin."""
        role = _known(role)
        with self._store.write() as connection:
            admins = queries.hold_admins(connection)
            before = persons.get(connection, person_id)
            if role != "admin":
                _check_another(admins, before)
            queries.change(connection, person_id, {"role": role})
            detail = {"email": before.email, "from": before.role, "to": role}
            audit.record(connection, actor, "set_role", subjects.person(person_id), detail)
            return persons.get(connection, person_id)

    @needs("admin")
    def remove(self, person_id: int, *, actor: Who) -> None:
        """:raises Invalid: when nobody would be left who is an admin."""
        with self._store.write() as connection:
            admins = queries.hold_admins(connection)
            person = persons.get(connection, person_id)
            _check_another(admins, person)
            queries.remove(connection, person_id)
            detail = {"email": person.email, "role": person.role}
            audit.record(connection, actor, "remove", subjects.person(person_id), detail)

    def _change(
        self, person_id: int, changes: dict[str, Any], verb: Verb, actor: Who | None, *, session: int | None = None
    ) -> Person:
        with self._store.write() as connection:
            return _changed(connection, person_id, changes, verb, actor, session=session)


def _changed(
    connection: Connection, person_id: int, changes: dict[str, Any], verb: Verb, actor: Who | None = None,
    *, session: int | None = None,
) -> Person:  # fmt: skip
    """``actor``: None when it is they themselves. ``session``: the number under which their password was looked at,
    which takes a while.

    :raises _Overtaken: when it was changed meanwhile: what was begun with the old one must not outlive it.
    """
    if not queries.change(connection, person_id, changes, session=session) and session is not None:
        raise _Overtaken
    return persons.noted(connection, verb, person_id, actor)


def _fold(email: str) -> str:
    return email.strip().lower()


def _is_email(folded: str) -> bool:
    return _EMAIL.fullmatch(folded) is not None and folded.isprintable()


def _clean(email: str) -> str:
    folded = _fold(email)
    if not _is_email(folded):
        raise Invalid(
            "That is not an email address. It must look like name@example.com.", {"email": ["Not an email address."]}
        )
    return folded


def _known(role: str) -> str:
    if role not in ROLES:
        raise Invalid.at("role", f"The role is one of {', '.join(ROLES)}.")
    return role


def _check_another(admins: Sequence[int], person: Person) -> None:
    if [*admins] == [person.id]:
        raise Invalid("This is the only admin. Make somebody else an admin first.")
