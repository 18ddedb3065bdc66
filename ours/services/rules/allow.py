"""The allow lists seen from the side of the events: which may leave for whom, and what came that nobody listed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ours.core.allow import ALL, name_key
from ours.errors import Invalid
from ours.registry import Registry
from ours.services.actors import Who, needs
from ours.services.destinations import Destination, Destinations
from ours.store import Store
from ours.store.queries import samples as queries

AMONG = 10_000
"""New names are looked for among so many of the latest events."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A name on at least one list, or one that was seen, with the destinations that may have it.

    ``count`` is of the latest events.
    """

    name: str
    destinations: tuple[int, ...]
    count: int = 0
    last: int | None = None


class Allow:
    """``actor`` is who does it: a person's email, or ``cli``."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._destinations = Destinations(store, registry)

    def list(self) -> Sequence[Listed]:
        """Every name that a list has or that was seen lately; those with ``*`` take all ordinary ones."""
        with self._store.read() as connection:
            seen = {row.name_key: row for row in queries.names(connection, AMONG)}
        places: dict[str, set[int]] = {}
        names: dict[str, str] = {key: row.name for key, row in seen.items()}
        for one in self._destinations.list():
            for name in one.events:
                key = name if name == ALL else name_key(name)
                names.setdefault(key, name)
                places.setdefault(key, set()).add(one.id)
        for key, name in names.items():
            if not name.startswith("$"):
                places[key] = places.get(key, set()) | places.get(ALL, set())
        listed = [_listed(name, places.get(key, ()), seen.get(key)) for key, name in names.items()]
        return sorted(listed, key=lambda one: (one.name != ALL, -one.count, one.name.casefold()))

    def unlisted(self) -> Sequence[Listed]:
        """Names seen lately that no destination may have, the most frequent first."""
        return [one for one in self.list() if not one.destinations and one.name != ALL]

    def unseen(self, names: Iterable[str]) -> frozenset[str]:
        """Those of these names that none of the latest events has, misspelt perhaps. None while there is no event."""
        wanted = [name for name in names if not name.startswith((ALL, "$"))]
        if not wanted:
            return frozenset()
        with self._store.read() as connection:
            seen = {row.name_key for row in queries.names(connection, AMONG)}
        return frozenset(name for name in wanted if seen and name_key(name) not in seen)

    @needs("editor", "destinations:write")
    def add(self, event: str, destination_ids: Iterable[int], *, actor: Who, why: str = "") -> Sequence[Destination]:
        """Let an event leave for these too."""
        return [self._change(place, event, actor, why, add=True) for place in destination_ids]

    @needs("editor", "destinations:write")
    def remove(self, event: str, destination_ids: Iterable[int], *, actor: Who, why: str = "") -> Sequence[Destination]:
        return [self._change(place, event, actor, why, add=False) for place in destination_ids]

    def _change(self, destination_id: int, event: str, actor: Who, why: str, *, add: bool) -> Destination:
        known = self._destinations.get(destination_id)
        key = name_key(event)
        rest = [name for name in known.events if name_key(name) != key]
        if add and ALL in rest and not event.strip().startswith("$"):
            raise Invalid(f'"{known.name}" already allows all events.')
        if not add and len(rest) == len(known.events):
            raise Invalid(f'"{event.strip()}" is not on the allow list of "{known.name}".')
        wanted = [*rest, event] if add else rest
        if wanted == list(known.events):
            return known
        return self._destinations.update(destination_id, seen=known.version, events=wanted, actor=actor, why=why)


def _listed(name: str, places: Iterable[int], seen: Any) -> Listed:
    return Listed(name, tuple(sorted(places)), seen.count if seen else 0, seen.last if seen else None)
