"""The second factor: who has set one is asked for its code besides their password."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from ours import clock
from ours.errors import Invalid
from ours.services.actors import Who, needs
from ours.services.passwords import Passwords
from ours.services.people import codes, person
from ours.services.people.codes import Factor
from ours.services.people.person import Person
from ours.store import Store, binding
from ours.store.queries import people as queries

TOO_MANY = (
    "Too many wrong codes: none is taken for an hour. If they were not yours, somebody knows your password: have an"
    " admin reset it."
)


class TooManyCodes(Invalid):
    """So many wrong codes were given that none is looked at for a while."""

    def __init__(self) -> None:
        super().__init__(TOO_MANY, {"code": [TOO_MANY]})


class SecondFactors:
    """Each person sets their own; an admin can but take one away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._passwords = Passwords()

    def set(self, person_id: int, secret: str, *, password: str, code: str) -> tuple[Person, list[str]]:
        """Have ``secret`` be theirs; answers them with their new session number, and their recovery codes.

        ``code`` shows that their authenticator has the secret. All their other sessions end.

        :raises Invalid: when the password or the code is wrong, or they have one already.
        """
        with self._store.read() as connection:
            row = person.row(connection, person_id)
        if row.second_factor_at:
            raise Invalid.at("code", "You have one. Turn it off before you set another.")
        if not self._passwords.match(row.password, password):
            raise Invalid.at("password", "The password is wrong.")
        factor = Factor(secret).taking(code, clock.now_ms())
        if factor is None:
            raise Invalid.at("code", wrong_code())
        recovery = codes.new_recovery()
        with self._store.write() as connection:
            if not queries.change(connection, person_id, {"session": queries.ENDED}, session=row.session):
                raise Invalid.at("password", "The password was changed meanwhile. Sign in again.")
            sealed = self._seal(person_id, factor.with_recovery(recovery))
            queries.set_second_factor(connection, person_id, sealed, clock.now_ms())
            return person.noted(connection, "set_second_factor", person_id), recovery

    def renew_recovery(self, person_id: int, code: str) -> list[str]:
        """New recovery codes in the place of all before.

        :raises Invalid: when ``code`` is not good.
        """
        recovery = codes.new_recovery()

        def renew(connection: Connection, left: Factor) -> None:
            queries.change_second_factor(connection, person_id, self._seal(person_id, left.with_recovery(recovery)))
            person.noted(connection, "renew_recovery", person_id)

        self._with(person_id, code, renew)
        return recovery

    def turn_off(self, person_id: int, code: str) -> None:
        """By the person alone: ``code`` shows that the factor is theirs.

        :raises Invalid: when ``code`` is not good.
        """

        def drop(connection: Connection, _left: Factor) -> None:
            queries.drop_second_factor(connection, person_id)
            person.noted(connection, "remove_second_factor", person_id)

        self._with(person_id, code, drop)

    @needs("admin")
    def remove(self, person_id: int, *, actor: Who) -> Person:
        """For somebody whose authenticator and recovery codes are lost. Their sessions end.

        :raises Invalid: when they have none.
        """
        with self._store.write() as connection:
            if not queries.drop_second_factor(connection, person_id):
                raise Invalid(f"{person.get(connection, person_id).email} has no second factor.")
            queries.change(connection, person_id, {"session": queries.ENDED})
            return person.noted(connection, "remove_second_factor", person_id, actor)

    def recovery_left(self, person_id: int) -> int:
        """How many recovery codes they have."""
        with self._store.read() as connection:
            factor = self._factor(connection, person_id)
        return len(factor.recovery) if factor else 0

    def take(self, connection: Connection, person_id: int, code: str) -> Factor | None:
        """What is left of theirs when ``code`` was taken, which it is but once; None when it is not good.

        To be asked within a write, which has to hold either way: wrong codes are counted there, for all processes.

        :raises TooManyCodes: when there were too many of those.
        """
        factor, now = self._factor(connection, person_id), clock.now_ms()
        if factor is None:
            return None
        if not factor.may_be_tried(now):
            raise TooManyCodes
        left = factor.taking(code, now)
        queries.change_second_factor(connection, person_id, self._seal(person_id, left or factor.missed(now)))
        if left and len(left.recovery) < len(factor.recovery):
            person.noted(connection, "use_recovery", person_id)
        return left

    def _with(self, person_id: int, code: str, do: Callable[[Connection, Factor], None]) -> None:
        with self._store.write() as connection:
            if left := self.take(connection, person_id, code):
                do(connection, left)
        if left is None:
            raise Invalid.at("code", wrong_code())

    def _factor(self, connection: Connection, person_id: int) -> Factor | None:
        sealed = queries.second_factor(connection, person_id)
        document: Any = sealed and self._store.sealer.open_json(sealed, binding.second_factor(person_id))
        return Factor(**document) if document else None

    def _seal(self, person_id: int, factor: Factor) -> bytes:
        return self._store.sealer.seal_json(factor.document(), binding.second_factor(person_id))


def wrong_code() -> str:
    """What who gave one is told. A code is good for half a minute, so one of two clocks may be why."""
    now = (clock.iso(clock.now_ms()) or "")[11:19]
    return f"This code is not good; each is taken once. If that goes on, compare clocks: the server's says {now} UTC."
