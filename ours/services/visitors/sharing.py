"""Finds the events of others that name who is forgotten, and lets them go the same way: nobody can tell what in them is
whose.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from sqlalchemy import Connection

from ours import clock
from ours.core import identity
from ours.core.identity import Facts
from ours.errors import Unsealable
from ours.services.opening import facts_of
from ours.store import Store, binding
from ours.store.chunks import batched
from ours.store.queries import forgetting as queries
from ours.store.queries import moments, visitors

_CHUNK = 200
_PROPERTIES: Final[Mapping[str, str]] = {"email": "email", "phone": "phone_number"}
_BEFORE_ALL = "0" * 32
_SLACK = clock.MINUTE
"""So long may what was routed be on its way into the database."""


class Search:
    """Looks for the events of others that name one of a family, which may take long where many events name two.

    ``go_on`` looks through what was routed since it was called last; through all, when the family has other names now.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: set[str] = set()
        self._since = 0
        self._owners: dict[str, str] = {}

    def go_on(self, root: Any, family: Sequence[str]) -> None:
        with self._store.read() as connection:
            now = moments.common(connection)
            held = {row.hash for row in queries.identifiers_of(connection, family)}
        if held != self._held:
            self._held, self._since, self._owners = held, 0, {}
        found = self._next(root.mode, _BEFORE_ALL) if held else ()
        while found:
            mine = (row for row in found if row.visitor_id not in family and _names(self._store, row, held))
            self._owners |= {row.id: row.visitor_id for row in mine}
            found = self._next(root.mode, found[-1].id)
        self._since = now - _SLACK

    def claim(self, root: Any, family: Sequence[str]) -> None:
        """Make those events ``root``'s. Who they were taken from keeps no email and no phone number of the family as a
        property either.

        While the router stands still, for it writes profiles whole.
        """
        self.go_on(root, family)
        for part in batched(self._owners.items(), _CHUNK):
            with self._store.write() as connection:
                _clean(self._store, connection, {owner for _, owner in part}, self._held)
                queries.give(connection, [event_id for event_id, _ in part], root.id)

    def _next(self, mode: str, after: str) -> Sequence[Any]:
        with self._store.read() as connection:
            return queries.shared(connection, mode, after, self._since, _CHUNK)


def _names(store: Store, row: Any, held: set[str]) -> bool:
    with suppress(Unsealable):
        return not held.isdisjoint(identity.named(facts_of(row, store.sealer), store.lookup))
    return False


def _clean(store: Store, connection: Connection, visitor_ids: set[str], held: set[str]) -> None:
    for row in {one.id: one for one in visitors.roots(connection, visitor_ids).values()}.values():
        with suppress(Unsealable):
            profile: dict[str, Any] = store.sealer.open_json(row.profile, binding.visitor(row.id))
            facts = Facts(event_id="", mode=row.mode, at=0, user_properties=profile["properties"])
            for one in identity.identifiers(facts, store.lookup):
                if one.hash in held:
                    del profile["properties"][_PROPERTIES[one.kind]]
            queries.write_profile(connection, row.id, store.sealer.seal_json(profile, binding.visitor(row.id)))
