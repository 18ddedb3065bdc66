"""Refuses at once whatever may be in wrong hands: after a restore that brought it back, or when somebody broke in."""

from dataclasses import dataclass

from sqlalchemy import Connection

from ours import clock, ids
from ours.services import audit, passwords
from ours.services.actors import Who, needs
from ours.store import Store
from ours.store.queries import people, sources, tokens


@dataclass(frozen=True, slots=True)
class Locked:
    """How many were good until then."""

    tokens: int
    people: int
    keys: int


class Lockout:
    """``actor`` is who does it; what they may not is refused here."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def preview(self, *, with_keys: bool) -> Locked:
        with self._store.read() as connection:
            return _count(connection, clock.now_ms(), with_keys=with_keys)

    @needs("admin")
    def run(self, *, with_keys: bool, actor: Who) -> Locked:
        """Every token is revoked, every session ended, and nobody's password is good before it was reset.

        ``with_keys``: every source's keys are revoked too, so that nothing is taken before it has a new one.
        """
        now, nobodys = clock.now_ms(), passwords.Passwords().hash(ids.new_password())
        with self._store.write() as connection:
            locked = _count(connection, now, with_keys=with_keys)
            tokens.revoke_all(connection, now)
            people.end_all_sessions(connection, now)
            people.change_all(connection, {"password": nobodys, "must_change": True})
            if with_keys:
                sources.revoke_all_keys(connection, now)
            detail = {"tokens": locked.tokens, "people": locked.people, "keys": locked.keys}
            audit.record(connection, actor, "lock_out", "everybody", detail)
        return locked


def _count(connection: Connection, now: int, *, with_keys: bool) -> Locked:
    keys = sources.good_keys(connection, now) if with_keys else []
    return Locked(len(tokens.good(connection, now)), people.count(connection), len(keys))
