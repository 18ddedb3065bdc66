"""Runs the latest events through what is set and through what would be, and tells the difference, field by field."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf
from time import monotonic
from typing import Any, NamedTuple, Unpack

from sqlalchemy import Connection

from ours.core import governance
from ours.core.diffing import ABSENT, Difference, differences
from ours.core.governance import Rule as CoreRule
from ours.core.mapping import Context
from ours.core.redact import Person
from ours.errors import Invalid
from ours.plugin import Destination as Plugin
from ours.plugin import secrets_of
from ours.registry import Registry
from ours.services import known, samples
from ours.services.destinations import Destinations
from ours.services.destinations.config import Config, Given, drafted
from ours.services.overview.masks import person_of
from ours.services.preview.judging import Side, Verdict, side
from ours.services.rules.service import Governance, Rule, core_rules
from ours.services.samples import Sample
from ours.store import Store
from ours.store.queries import destinations as rows

_SHOWN = 50
PATIENCE = 4.0
"""Seconds that a page waits for a preview, and no more."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change does to one event at one destination. ``old`` and ``new``: why nothing is sent; None: it is."""

    kind: str
    event_id: str
    event: str
    destination_id: int
    destination: str
    old: str | None
    new: str | None
    differences: Sequence[Difference]


@dataclass(frozen=True, slots=True)
class Report:
    """``counts`` by what becomes of requests: appears, vanishes, changes, stays; ``effects`` are the first of them.

    ``events`` were tried, the newest first, each at so many ``destinations``: fewer than ``of``, as many as there were
    to try, where the time did not suffice.
    """

    events: int
    of: int
    destinations: int
    counts: Counter[str]
    effects: Sequence[Effect]

    @property
    def changed(self) -> int:
        return self.counts.total() - self.counts["stays"]


class _Pair(NamedTuple):
    """A destination as it is and as it would be. All pairs of a report have the same rules on each side."""

    name: str
    before: Side
    after: Side


class Preview:
    """``seconds``: how long a report may go on trying events; None: until all are tried."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry
        self._destinations = Destinations(store, registry)
        self._governance = Governance(store)

    def destination(
        self,
        destination_id: int,
        *,
        latest: int = samples.LATEST,
        seconds: float | None = None,
        **given: Unpack[Given],
    ) -> Report:
        """What it would do to change a destination so. What is personal is masked for everybody.

        :raises Invalid: when the change could not be made.
        """
        before, after = self._destinations.draft(destination_id, **given)
        rules = core_rules(self._governance.list())
        old, new = self._side(destination_id, before, rules), self._side(destination_id, after, rules)
        return self._report([_Pair(before.name, old, new)], latest, seconds)

    def turning_on(self, destination_id: int, *, latest: int = samples.LATEST, seconds: float | None = None) -> Report:
        """What would leave for one that is off if it were on, told by the latest events. These stay here all the same.

        :raises Invalid: when nothing could be built.
        """
        config = self._destinations.config(destination_id)
        on = self._side(destination_id, config, core_rules(self._governance.list()))
        off = replace(on, gate=on.gate._replace(status="off"))
        return self._report([_Pair(config.name, off, on)], latest, seconds)

    def plugin(
        self,
        destination_id: int,
        candidate: Plugin,
        *,
        latest: int = samples.LATEST,
        **given: Unpack[Given],
    ) -> Report:
        """What it would do to have ``candidate`` in place of a destination's plugin; ``given``: what it needs besides.

        :raises Invalid: when nothing could be built: the settings are not what it asks for, say.
        """
        before = self._destinations.config(destination_id)
        after = drafted(candidate, before, given)
        rules = core_rules(self._governance.list())
        old = self._side(destination_id, before, rules)
        new = side(destination_id, candidate, after, rules, hidden=secrets_of(old.target.settings))
        return self._report([_Pair(before.name, old, new)], latest, None)

    def governance(
        self, wanted: Sequence[Rule], *, latest: int = samples.LATEST, seconds: float | None = None
    ) -> Report:
        """What it would do to have these rules. Of a destination that can build nothing, nothing is said.

        :raises Invalid: when one can't be.
        """
        before, after = core_rules(self._governance.list()), core_rules(self._governance.check(wanted))
        pairs = []
        for one in self._destinations.list():
            if one.loaded and one.events and not (one.unopened or one.unfit):
                old = self._side(one.id, self._destinations.config(one.id), before)
                pairs.append(_Pair(one.name, old, replace(old, rules=after)))
        return self._report(pairs, latest, seconds)

    def event(self, event_id: str, destination_id: int, *, clear: bool = False, **given: Unpack[Given]) -> Verdict:
        """What would be sent of one event to a destination, as it is set or as it would be; the allow list is asked.
        ``clear``: personal values are shown as they are.

        :raises NotFound: when there is no such event.
        """
        _, config = self._destinations.draft(destination_id, **given)
        with self._store.read() as connection:
            row = known.event(connection, event_id)
            (sample,) = samples.opened(connection, self._store.sealer, [row])
        verdict = self._side(destination_id, config, core_rules(self._governance.list())).judge(row, sample.context)
        return verdict if clear else _veiled(verdict, person_of(sample.context))

    def _side(self, destination_id: int, config: Config, rules: tuple[CoreRule, ...]) -> Side:
        with self._store.read() as connection:
            slug = _slug(connection, destination_id)
        plugin = self._registry.plugin(slug)
        if plugin is None:
            raise Invalid("Its plugin is not loaded, so it is not known what it would send.")
        return side(destination_id, plugin, config, rules)

    def _report(self, pairs: Sequence[_Pair], latest: int, seconds: float | None) -> Report:
        ends = monotonic() + (inf if seconds is None else seconds)
        with self._store.read() as connection:
            found = samples.latest(connection, self._store.sealer, latest)
        tried, counts = 0, Counter[str]()
        effects: list[Effect] = []
        for sample in found:
            if tried and monotonic() > ends:
                break
            tried += 1
            for effect in _effects(sample, pairs, detailed=len(effects) < _SHOWN):
                counts[effect.kind] += 1
                if effect.kind != "stays" and len(effects) < _SHOWN:
                    effects.append(effect)
        return Report(tried, len(found), len(pairs), counts, effects)


def _effects(sample: Sample, pairs: Sequence[_Pair], *, detailed: bool) -> Iterable[Effect]:
    """Where only what keeps an event here could differ, and does not, nothing is built: that is what takes long."""
    row, context = sample.row, sample.context
    if not pairs:
        return
    fired_before, fired_after = (governance.fired(side.rules, context) for side in (pairs[0].before, pairs[0].after))
    alike = fired_before == fired_after
    for name, before, after in pairs:
        if alike and before.target is after.target and before.gate is after.gate:
            yield Effect("stays", row.id, row.name, before.target.id, name, None, None, ())
            continue
        kept_before, kept_after = before.kept(row, fired_before), after.kept(row, fired_after)
        old = new = Verdict(kept_before)
        told: Sequence[Difference] = ()
        if kept_before != kept_after or before.target is not after.target:
            old = Verdict(kept_before) if kept_before else before.tried(row, context)
            new = Verdict(kept_after) if kept_after else after.tried(row, context)
            if detailed or (old.request and new.request):
                told = _told(old, new, context)
        yield Effect(_kind(old, new, told), row.id, row.name, before.target.id, name, old.reason, new.reason, told)


def _kind(old: Verdict, new: Verdict, told: Sequence[Difference]) -> str:
    if old.request is not None and new.request is not None:
        return "changes" if told else "stays"
    if old.request is None and new.request is None:
        return "stays" if old.reason == new.reason else "reason"
    return "appears" if old.request is None else "vanishes"


def _told(old: Verdict, new: Verdict, about: Context) -> list[Difference]:
    """Whom it is ``about`` is masked after the values were compared, so that a change is seen and they are not."""
    found = differences(old.request or {}, new.request or {})
    if not found:
        return []
    person = person_of(about)
    return [
        Difference(one.path, _masked(person, one.path, one.old), _masked(person, one.path, one.new)) for one in found
    ]


def _veiled(verdict: Verdict, person: Person) -> Verdict:
    request, fields = (bag and person.bag(bag) for bag in (verdict.request, verdict.fields))
    return replace(verdict, request=request, fields=fields)


def _masked(person: Person, path: str, value: Any) -> Any:
    return value if value is ABSENT else person.value(path, value)


def _slug(connection: Connection, destination_id: int) -> str:
    row = rows.one(connection, destination_id)
    return str(row.slug) if row is not None else ""
