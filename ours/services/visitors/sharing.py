"""Finds the events of others that name who is forgotten, and lets them go the same way: nobody can tell what in them is
whose.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from sqlalchemy import Connection

from ours.core import identity
from ours.core.identity import Facts
from ours.errors import Unsealable
from ours.services.opening import facts_of
from ours.store import Store, binding
from ours.store.queries import forgetting as queries
from ours.store.queries import visitors

_CHUNK = 200
_PROPERTIES: Final[Mapping[str, str]] = {"email": "email", "phone": "phone_number"}
_BEFORE_ALL = "0" * 32


def claim(store: Store, root: Any, family: Sequence[str]) -> None:
    """Make those events ``root``'s that name one of the ``family`` and are somebody else's. Who they were taken from
    keeps no email and no phone number of the family as a property either.

    While the router stands still, for it writes profiles whole.
    """
    with store.read() as connection:
        held = {row.hash for row in queries.identifiers_of(connection, family)}
    theirs, after = set(family), _BEFORE_ALL
    while held:
        with store.read() as connection:
            found = queries.shared(connection, root.mode, after, _CHUNK)
        if not found:
            return
        after = found[-1].id
        mine = [row for row in found if row.visitor_id not in theirs and _names(store, row, held)]
        if mine:
            with store.write() as connection:
                _clean(store, connection, {row.visitor_id for row in mine}, held)
                queries.give(connection, [row.id for row in mine], root.id)


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
