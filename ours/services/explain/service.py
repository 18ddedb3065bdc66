"""Explains dispatches with the configuration that acted, as far as it is kept, and finds out where a field goes."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection

from ours.core import governance, subjects
from ours.core.allow import ALL, allows, name_key
from ours.core.mapping import Mapper
from ours.core.modifications import HASHES
from ours.core.reasons import describe
from ours.errors import Unsealable
from ours.ids import is_id
from ours.registry import Registry
from ours.services import known, samples
from ours.services.destinations.config import Config, from_document, from_row
from ours.services.destinations.mapping import hashed_by
from ours.services.explain import governed, lineage
from ours.services.explain.views import Chain, Step, Use
from ours.services.gates import category_of
from ours.services.opening import try_open
from ours.services.overview.events import refusals
from ours.services.samples import Sample
from ours.services.versions import open_document
from ours.store import Store, binding
from ours.store.queries import destinations, reading_dispatches, reading_events, versions


class Explain:
    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry

    def dispatch(self, dispatch_id: str) -> Chain:
        """:raises NotFound: when there is no such dispatch."""
        with self._store.read() as connection:
            row = known.dispatch(connection, dispatch_id)
            return self._chain(connection, self._sample(connection, row.event_id), row)

    def event(self, event_id: str) -> list[Chain]:
        """One chain for each destination that a decision was made for.

        :raises NotFound: when there is no such event.
        """
        with self._store.read() as connection:
            sample = self._sample(connection, event_id)
            made = reading_dispatches.of_event(connection, event_id)
            chains = [self._chain(connection, sample, row) for row in made]
            names = reading_events.destination_names(connection)
            return [*chains, *(_refused(sample, mark) for mark in refusals(sample.row.refused, names))]

    def either(self, wanted: str) -> list[Chain]:
        """Of an event, or of one dispatch."""
        with self._store.read() as connection:
            is_event = is_id(wanted) and reading_events.one(connection, wanted) is not None
        return self.event(wanted) if is_event else [self.dispatch(wanted)]

    def field(self, path: str, latest: int = samples.LATEST) -> list[Use]:
        """Every row that lets a path out, the whole of it or a part, and how often it arrived lately."""
        wanted = path.strip().strip("{}").strip()
        with self._store.read() as connection:
            found = samples.latest(connection, self._store.sealer, latest)
            marks = reading_dispatches.marks(connection, [sample.row.id for sample in found])
            arrived = {(mark.event_id, mark.destination_id) for mark in marks if mark.state == "delivered"}
            return [
                use
                for row in destinations.rows(connection)
                for use in self._uses(connection, row, wanted, found, arrived)
            ]

    def _uses(
        self, connection: Connection, row: Any, wanted: str, found: Sequence[Sample], arrived: set[tuple[str, int]]
    ) -> Iterator[Use]:
        plugin = self._registry.plugin(row.slug)
        if plugin is None:
            return
        config = self._config(connection, row)
        mapper, hashes = lineage.mapper(plugin, config), hashed_by(plugin)
        own = [sample for sample in found if (sample.row.id, row.id) in arrived]
        for case, mapping in _mappings(mapper):
            written = next((dict(one["mapping"]) for one in config.cases if one["name"] == case), {})
            for field, path in mapping.paths():
                if not _touches(path.text, wanted) or (case is not None and field not in written):
                    continue
                count = sum(mapper.choose(one.context)[0] == case and path.take(one.context) is not None for one in own)
                template = mapping.templates[field]
                layer = lineage.layer(field, written, config, case)
                done = template.modification
                hashed = field in hashes and done not in HASHES
                yield Use(row.id, row.name, row.status, layer, field, template.text, done, hashed, count)

    def _sample(self, connection: Connection, event_id: str) -> Sample:
        return samples.opened(connection, self._store.sealer, [known.event(connection, event_id)])[0]

    def _config(self, connection: Connection, row: Any) -> Config:
        settings, _ = try_open(self._store.sealer, row.settings, binding.settings(row.id))
        return from_row(row, destinations.allowed_of(connection, row.id), settings)

    def _acted(self, connection: Connection, last: Any | None, destination: Any) -> tuple[Config, int, bool]:
        """The configuration of the last attempt, if it is kept, else the present one."""
        number = last.config_version if last else destination.version
        kept = versions.one(connection, subjects.destination(destination.id), number)
        with suppress(Unsealable):
            if kept is not None:
                return from_document(open_document(self._store.sealer, kept)), number, True
        return self._config(connection, destination), destination.version, number == destination.version

    def _chain(self, connection: Connection, sample: Sample, row: Any) -> Chain:
        destination = destinations.one(connection, row.destination_id)
        name = row.destination or f"destination {row.destination_id}"
        base = (row.id, sample.row.id, sample.row.name, row.destination_id, name, row.state, row.reason)
        plugin = self._registry.plugin(row.slug) if destination is not None else None
        if destination is None or plugin is None:
            return Chain(*base, 0, False, None, [_allowed(sample, None), _standing(row)], [])
        last = next(reversed(reading_dispatches.attempts_of(connection, [row.id])), None)
        config, version, then = self._acted(connection, last, destination)
        asked = last.started_at if last else row.created_at
        case, fields = lineage.fields(plugin, config, sample.context)
        steps = [_allowed(sample, config), _heard(sample, config)]
        steps += [self._governed(connection, sample, destination, row, config, asked), _standing(row)]
        return Chain(*base, version, then, case, steps, fields)

    def _governed(
        self, connection: Connection, sample: Sample, destination: Any, row: Any, config: Config, moment: int
    ) -> Step:
        reason = row.reason or ""
        if reason.startswith(governance.PREFIX):
            return Step("Governance", False, describe(reason).words)
        plugin = self._registry.plugin(row.slug)
        passed = "Which rules were asked can't be opened."
        with suppress(Unsealable):
            rules = governed.in_force(connection, self._store.sealer, moment)
            passed = governed.let_pass(rules, destination.id, category_of(config, plugin))
        now = governed.today(connection, sample, destination.id, category_of(destination, plugin))
        return Step("Governance", True, passed + now)


def _mappings(mapper: Mapper) -> Iterator[tuple[str | None, Any]]:
    yield None, mapper.default
    yield from ((case.name, case.mapping) for case in mapper.cases)


def _touches(path: str, wanted: str) -> bool:
    return path == wanted or path.startswith(f"{wanted}.") or wanted.startswith(f"{path}.")


def _allowed(sample: Sample, config: Config | None) -> Step:
    if config is None:
        return Step("Allow list", True, "It was on the allow list when it was routed.")
    keys = {name if name == ALL else name_key(name) for name in config.events}
    if not allows(keys, sample.row.name, sample.row.kind):
        return Step("Allow list", False, "The event is not on the allow list of this configuration.")
    entry = next((name for name in config.events if name_key(name) == name_key(sample.row.name)), ALL)
    return Step("Allow list", True, "All events may leave." if entry == ALL else f"“{entry}” is on the list.")


def _heard(sample: Sample, config: Config) -> Step:
    if not config.sources:
        return Step("Sources", True, "It listens to all sources.")
    heard = sample.row.source_id in config.sources
    words = "It listens to the event's source." if heard else describe("source_not_heard").words
    return Step("Sources", heard, words)


def _standing(row: Any) -> Step:
    good = row.state in ("delivered", "sunk", "pending", "sending")
    words = describe(row.reason).words if row.reason else f"The dispatch is {row.state}."
    return Step("Delivery", good, words)


def _refused(sample: Sample, mark: Any) -> Chain:
    step = Step("Allow list", False, describe(mark.reason).words)
    return Chain(
        None, sample.row.id, sample.row.name, mark.destination_id, mark.destination, mark.state, mark.reason, 0, False,
        None, [step], [],
    )  # fmt: skip
