"""Finds the paths in rules and mappings that led nowhere in all of the latest events: they may be misspelt."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ours.core import logic
from ours.core.paths import UNDEFINED, Path
from ours.registry import Registry
from ours.services import samples
from ours.services.destinations import Destinations
from ours.services.destinations.mapping import mapper_of
from ours.services.rules.service import Governance
from ours.store import Store


@dataclass(frozen=True, slots=True)
class Doubt:
    """``place`` says where the path stands: ``governance: Consent``, ``Hook: field``, ``Hook: Booking (condition)``,
    ``Hook: Booking: field``; ``destination_id``: whose mapping that is; None: a rule's conditions."""

    place: str
    path: str
    events: int
    destination_id: int | None = None


class Check:
    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry

    def run(self, latest: int = samples.LATEST) -> list[Doubt]:
        """None when no event has come yet: then nothing is known."""
        with self._store.read() as connection:
            contexts = [sample.context for sample in samples.latest(connection, self._store.sealer, latest)]
        if not contexts:
            return []
        known: dict[str, bool] = {}
        found = []
        for destination_id, place, path in self._paths():
            if path.text not in known:
                known[path.text] = any(path.find(context) is not UNDEFINED for context in contexts)
            if not known[path.text]:
                found.append(Doubt(place, path.text, len(contexts), destination_id))
        return list(dict.fromkeys(found))

    def _paths(self) -> Iterator[tuple[int | None, str, Path]]:
        for rule in Governance(self._store).list():
            yield from ((None, f"governance: {rule.name}", path) for path in condition_paths(rule.logic))
        for one in Destinations(self._store, self._registry).list():
            plugin = self._registry.plugin(one.slug)
            if plugin is None:
                continue
            mapper = mapper_of(plugin, one.category, one.mapping, one.cases)
            mapped = ((field, path) for field, path in mapper.default.paths() if field in one.mapping)
            yield from ((one.id, f"{one.name}: {field}", path) for field, path in mapped)
            written = {case["name"]: case["mapping"] for case in one.cases}
            for case in mapper.cases:
                place = f"{one.name}: {case.name}"
                yield from ((one.id, f"{place} (condition)", condition.path) for condition in case.logic.conditions())
                own = ((field, path) for field, path in case.mapping.paths() if field in written[case.name])
                yield from ((one.id, f"{place}: {field}", path) for field, path in own)


def condition_paths(written: object) -> Iterable[Path]:
    return (condition.path for condition in logic.read(written).conditions())
