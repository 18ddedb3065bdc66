"""The destinations as delivery needs them: plugin, opened settings, compiled mapping. Reopened when they change."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Row

from ours import log
from ours.core import paths
from ours.core.allow import allows
from ours.core.breaker import CLOSED, Breaker
from ours.core.governance import Rule, fired, stopping
from ours.core.incoming import Kind
from ours.core.mapping import Context, Mapper, Released, compile_mapping
from ours.core.redact import Masker
from ours.core.routing import hears
from ours.core.sensitivity import let_out
from ours.errors import Unsealable
from ours.plugin import IDENTIFY, Destination, Event, Rejected, Skipped, secrets_of
from ours.plugin.destination import sends_itself
from ours.plugin.tracing import home_of
from ours.pool import THREADS
from ours.registry import Registry
from ours.services.destinations import backlog, limits
from ours.services.destinations.backlog import breaker_of
from ours.services.destinations.fitting import UNFIT, Unfit, fit
from ours.services.destinations.limits import Limits
from ours.services.destinations.mapping import hashed_by
from ours.services.gates import category_of, sources_of
from ours.services.rules.rulebook import Rulebook
from ours.store import Sealer, binding
from ours.store.queries import destinations

_logger = log.get("deliver")
_NOTHING = Mapper(compile_mapping({}))
# What can't be opened may be so a moment later; what does not fit does so when it, or the plugin, is changed.
_LASTS = (None, *UNFIT)
_CALM = tuple(backlog.breaker_columns(CLOSED).values())


@dataclass(frozen=True)
class Target:
    """One destination, ready to build for; ``shut`` is a reason code when it can't be: what is owed to it is held.

    ``allowed``: the name keys on its allow list; ``sources``: those that it listens to. None: not to be asked.
    """

    id: int
    version: int
    updated_at: int
    plugin: Destination
    settings: Mapping[str, Any]
    mapping: Mapper
    masker: Masker
    limits: Limits
    category: str = ""
    rules: tuple[Rule, ...] = ()
    allowed: Collection[str] | None = None
    sources: Collection[int] | None = None
    shut: str | None = None

    @cached_property
    def made_of(self) -> tuple[int, int, int]:
        """A row, and which state of it. A database that lost its latest data gives a version's number out twice."""
        return self.id, self.version, self.updated_at

    @cached_property
    def sends_itself(self) -> bool:
        return sends_itself(self.plugin)

    @cached_property
    def most_requests(self) -> int:
        """Under way at once, from one worker."""
        return min(self.limits.max_in_flight, THREADS) if self.sends_itself else self.limits.max_in_flight

    @cached_property
    def may_run_ahead(self) -> bool:
        """Whether more of it may be in hand than is under way: where nothing but the default limits how many, and where
        what a worker had in hand when it died may be sent again.
        """
        limited = self.limits.capped or self.limits.rate_limit is not None
        return self.plugin.dedupes and not (limited or self.batches or self.fetches_token or self.sends_itself)

    @cached_property
    def fetches_token(self) -> bool:
        return type(self.plugin).token_request is not Destination.token_request

    @cached_property
    def told(self) -> Mapping[str, paths.Path]:
        """What of all that is known of a visitor it may be told in clear, by name."""
        layers = [self.mapping.default, *(case.mapping for case in self.mapping.cases)]
        found = chain.from_iterable(let_out(one, hashed_by(self.plugin)) for one in layers)
        return {path.text.removeprefix("visitor."): path for path in found}

    @cached_property
    def batches(self) -> bool:
        return self.plugin.batching is not None

    def unwanted(self, event: Event, source_id: int | None) -> Skipped | None:
        """Why the event may not leave though it was owed: its name, or its source, may have been taken off since."""
        kind: Kind = "identify" if event.name == IDENTIFY else "track"
        if self.allowed is not None and not allows(self.allowed, event.name, kind):
            return Skipped("not_allowed", "Its name was taken off the allow list after it was routed.")
        if not hears(self.sources, source_id):
            return Skipped("source_not_heard", "Its source was taken off the destination after it was routed.")
        return None

    def release(self, context: Context) -> Released | Skipped | Rejected:
        """What may leave of an event now; or why nothing may: a visitor may have withdrawn since it was routed."""
        if self.rules and (said := stopped_by(self.rules, context, self.id, self.category)):
            return said
        made = self.mapping.apply(context)
        return made.refusal() if made.missing else made


class Targets:
    """``shut``: those whose settings can't be opened, or don't fit, as last seen, each with the reason code."""

    def __init__(self, registry: Registry, sealer: Sealer) -> None:
        self._registry = registry
        self._sealer = sealer
        self._open: dict[int, Target] = {}
        self._breakers: dict[int, Breaker] = {}
        self.shut: Mapping[int, str] = {}
        self._rulebook = Rulebook()
        self._rules: tuple[Rule, ...] = ()

    def refresh(self, connection: Connection) -> None:
        """Look which destinations changed; open those anew."""
        rows, before = destinations.standing(connection), self._rules
        self._rules = self._rulebook.refresh(connection)
        known = self._open if self._rules is before else {}
        current, stale = dict[int, Target](), list[int]()
        for row in rows:
            target = known.get(row.id)
            if target is not None and target.made_of == row[:3] and target.shut in _LASTS:
                current[row.id] = target
            else:
                stale.append(row.id)
        if stale:
            lists = destinations.allow_lists(connection)
            made = [self._make(row, lists) for row in destinations.those_on(connection, stale)]
            current |= {target.id: target for target in made if target}
        if stale or self.shut:
            self.shut = {one.id: one.shut for one in current.values() if one.shut}
        self._open = current
        self._breakers = {row.id: breaker_of(row) for row in rows if row[3:] != _CALM}

    def get(self, destination_id: int) -> Target | None:
        """None when it is not on, or its plugin is missing."""
        return self._open.get(destination_id)

    def __getitem__(self, destination_id: int) -> Target:
        """One that is there: nothing is claimed for others.

        :raises KeyError: otherwise.
        """
        return self._open[destination_id]

    def home(self, slug: str) -> Path | None:
        """Where a plugin's code is."""
        plugin = self._registry.plugin(slug)
        return home_of(type(plugin).__module__) if plugin else None

    def batches(self, destination_id: int) -> bool:
        target = self.get(destination_id)
        return target is not None and target.batches

    def breaker(self, destination_id: int) -> Breaker:
        """As last seen."""
        return self._breakers.get(destination_id, CLOSED)

    def note(self, destination_id: int, breaker: Breaker) -> None:
        """It is so now."""
        self._breakers[destination_id] = breaker

    def _make(self, row: Row[Any], lists: Mapping[int, Collection[str]]) -> Target | None:
        plugin = self._registry.plugin(row.slug)
        if plugin is None:
            return None
        try:
            raw = self._sealer.open_json(row.settings, binding.settings(row.id))
        except Unsealable as error:
            return _shut(row, plugin, error.reason)
        category = category_of(row, plugin)
        fitted = fit(plugin, category, raw, orjson.loads(row.mapping), orjson.loads(row.cases))
        if isinstance(fitted, Unfit):
            _logger.error(
                "destination_unfit", destination=row.id, name=row.name, reason=fitted.reason, said=fitted.words
            )
            return _shut(row, plugin, fitted.reason)
        masker = Masker(secrets_of(fitted.settings))
        # One that leaves has an empty list so as to be owed nothing more, and gets what it was owed.
        allowed = None if row.leaving_since is not None else lists.get(row.id, ())
        return Target(
            row.id, row.version, row.updated_at, plugin, fitted.settings, fitted.mapper, masker, limits.of_row(row),
            category, self._rules, allowed, sources_of(row),
        )  # fmt: skip


def stopped_by(rules: Sequence[Rule], context: Context, destination_id: int, category: str) -> Skipped | None:
    """What the first of the rules that stops it for this destination says; None: none does."""
    rule = stopping(fired(rules, context), destination_id, category)
    return Skipped(rule.reason, f"The governance rule “{rule.name}” stops it.") if rule else None


def _shut(row: Row[Any], plugin: Destination, reason: str) -> Target:
    return Target(
        row.id, row.version, row.updated_at, plugin, {}, _NOTHING, Masker([]), limits.of_row(row), shut=reason
    )
