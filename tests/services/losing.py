"""Secret keys that are lost, rows that are damaged, and what became of those that needed them."""

from typing import Any

import sqlalchemy as sa

from ours.errors import key_missing
from ours.store import Sealer
from ours.store.queries import events as queries
from ours.store.queries import sealed
from ours.store.queries.sealed import SHELVES
from ours.store.tables import dispatches
from tests.services.conftest import Place
from tests.services.scripted import sweep_of

OTHER = b"another key, of thirty-two bytes"
GONE = key_missing(Sealer((OTHER,)).key_ids[0])


def ring(place: Place, *keys: bytes) -> None:
    """All stations begin anew with these secret keys."""
    place.store.sealer = Sealer(keys)
    place.begin_anew()


def own_keys(place: Place) -> tuple[bytes, ...]:
    return place.settings.secret_keys


def lose_key(place: Place, name: str, *ids: Any) -> None:
    """The sealed values of these rows (all, when none is named) are those of a key that is not in the ring."""
    _rewrite(place, name, ids, lambda plain, where: Sealer((OTHER,)).seal(plain, where))


def damage(place: Place, name: str, *ids: Any) -> None:
    _rewrite(place, name, ids, lambda plain, _: place.store.sealer.seal(plain, "elsewhere"))


def _rewrite(place: Place, name: str, ids: tuple[Any, ...], anew: Any) -> None:
    shelf = next(one for one in SHELVES if one.name == name)
    with place.store.write() as connection:
        found = sealed.page(connection, shelf, None, 1000)
        pairs = [
            (one, anew(place.store.sealer.open(one.value, one.bound), one.bound))
            for one in found
            if not ids or one.key[0] in ids
        ]
        assert sealed.replace(connection, shelf, pairs) == len(pairs) > 0


def told(place: Place) -> dict[str, tuple[str, str | None, int]]:
    """By event: state, reason and attempts of its dispatch."""
    with place.store.read() as connection:
        rows = connection.execute(sa.select(dispatches))
        return {row.event_id: (row.state, row.reason, row.attempts) for row in rows}


def sweep(place: Place) -> None:
    sweep_of(place).run()


def aside(place: Place) -> dict[str, int]:
    with place.store.read() as connection:
        return queries.aside(connection)
