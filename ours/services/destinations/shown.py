"""A destination as people see it, made from its row. Its secrets stay behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from ours.core.breaker import Breaker
from ours.core.reasons import Reason
from ours.plugin import Destination as Plugin
from ours.services.destinations import limits, settings
from ours.services.destinations.backlog import breaker_of
from ours.services.destinations.fitting import Unfit, unfit
from ours.services.destinations.limits import Limits
from ours.services.gates import category_of


@dataclass(frozen=True, slots=True)
class Destination:
    """A configured place. ``events`` is its allow list as typed; ``sources`` those that it listens to, none named: all;
    ``category`` is ``own_category``, or its plugin's where that is empty; ``loaded`` says whether its plugin is there;
    ``breaker`` how the destination fares; ``rests_until``: up to when it asked to be left alone; ``leaving``: it is
    removed as soon as what waits is delivered; ``unopened``: why its settings can't be shown, if so; ``unfit``: why its
    plugin can't work with what is set, if so: what it is owed is held."""

    id: int
    name: str
    slug: str
    status: str
    paused_for: str | None
    events: Sequence[str]
    mapping: Mapping[str, Any]
    cases: Sequence[Mapping[str, Any]]
    sources: Sequence[int]
    category: str
    own_category: str
    agreement: str
    settings_shown: Mapping[str, Any]
    version: int
    loaded: bool
    limits: Limits
    breaker: Breaker
    leaving: bool
    rests_until: int | None
    created_at: int
    updated_at: int
    unopened: Reason | None = None
    unfit: Unfit | None = None


def from_row(
    row: Any, events: Sequence[str], opened: Mapping[str, Any], plugin: Plugin | None, unopened: Reason | None
) -> Destination:
    """``opened``: the settings in clear; ``plugin``: None when it is missing."""
    category = category_of(row, plugin)
    mapping, cases = orjson.loads(row.mapping), orjson.loads(row.cases)
    told = plugin is not None and not unopened and row.status != "removed"
    return Destination(
        id=row.id,
        name=row.name,
        slug=row.slug,
        status=row.status,
        paused_for=row.paused_for,
        events=tuple(events),
        mapping=mapping,
        cases=tuple(cases),
        sources=tuple(orjson.loads(row.sources)) if row.sources else (),
        category=category,
        own_category=row.category or "",
        agreement=row.agreement,
        settings_shown=settings.show(plugin, opened),
        version=row.version,
        loaded=plugin is not None,
        limits=limits.of_row(row),
        breaker=breaker_of(row),
        leaving=row.leaving_since is not None and row.status != "removed",
        rests_until=row.rests_until,
        created_at=row.created_at,
        updated_at=row.updated_at,
        unopened=unopened,
        unfit=unfit(plugin, category, opened, row.mapping, row.cases) if plugin and told else None,
    )
