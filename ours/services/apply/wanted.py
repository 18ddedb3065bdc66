"""A destination as the file wants it, beside the one that there is."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import orjson

from ours.errors import Invalid
from ours.plugin import Destination as Plugin
from ours.plugin import describe_settings
from ours.registry import Registry
from ours.services.actors import Who
from ours.services.destinations import Destination, Destinations, limits, mapping, settings, typed
from ours.services.destinations.limits import Limits

_HIDDEN = frozenset({"secret", "headers"})
LIMITS = ("max_in_flight", "rate_limit", "retry_schedule", "drain_rate")


@dataclass(frozen=True, slots=True)
class Wanted:
    """All of it, defaults filled in; ``settings`` in clear."""

    slug: str
    settings: Mapping[str, Any]
    events: Sequence[str]
    mapping: Mapping[str, Any]
    limits: Mapping[str, Any]


class Comparing:
    def __init__(self, destinations: Destinations, registry: Registry) -> None:
        self._destinations = destinations
        self._registry = registry

    def check(self, wanted: Wanted) -> None:
        """:raises Invalid: when there can't be such a destination."""
        plugin = self._plugin(wanted.slug)
        settings.read(plugin, wanted.settings)
        typed.allow_list(wanted.events)
        mapping.check(plugin, plugin.category, wanted.mapping, ())
        limits.read(wanted.limits)

    def differences(self, now: Destination, wanted: Wanted) -> list[str]:
        """A line for people about each; none when it is as wanted.

        :raises Invalid: as ``check`` does.
        """
        self.check(wanted)
        return [*self._settings(now, wanted), *_rules(now, wanted), *_limits(now, wanted)]

    def become(self, now: Destination, wanted: Wanted, actor: Who) -> None:
        cleared = dict.fromkeys(set(self._destinations.kept(now.id)) - set(wanted.settings))
        headers = self._names(wanted.slug, {"headers"})
        given = {name: _lines(value) if name in headers else value for name, value in wanted.settings.items()}
        self._destinations.update(
            now.id, settings=given | cleared, events=wanted.events, mapping=wanted.mapping, limits=wanted.limits,
            actor=actor,
        )  # fmt: skip

    def _settings(self, now: Destination, wanted: Wanted) -> Iterator[str]:
        plugin = self._plugin(wanted.slug)
        hidden = self._names(wanted.slug, _HIDDEN)
        old, new = self._destinations.kept(now.id), settings.read(plugin, wanted.settings)
        for name in sorted(set(old) | set(new)):
            if old.get(name) != new.get(name):
                told = "changes" if name in hidden else _arrow(old.get(name), new.get(name))
                yield f"settings.{name} {told}" if name in hidden else f"settings.{name}: {told}"

    def _names(self, slug: str, kinds: Set[str]) -> set[str]:
        return {one.name for one in describe_settings(self._plugin(slug)) if one.kind in kinds}

    def _plugin(self, slug: str) -> Plugin:
        loaded = self._registry.get(slug)
        if loaded is None:
            there = ", ".join(sorted(one.slug for one in self._registry.loaded))
            raise Invalid(f'There is no plugin "{slug}". Loaded are: {there}.')
        return loaded.plugin


def chosen_limits(now: Limits) -> dict[str, Any]:
    """What somebody set; None for each default."""
    schedule = None if now.retry_schedule == Limits().retry_schedule else list(now.retry_schedule)
    in_flight = now.max_in_flight if now.capped else None
    values = (in_flight, now.rate_limit, schedule, now.drain_rate)
    return dict(zip(LIMITS, values, strict=True))


def _rules(now: Destination, wanted: Wanted) -> Iterator[str]:
    old, new = typed.allow_list(now.events), typed.allow_list(wanted.events)
    if old.keys() != new.keys():
        yield f"events: {_arrow(sorted(old.values()), sorted(new.values()))}"
    for field in sorted(set(now.mapping) | set(wanted.mapping)):
        if now.mapping.get(field) != wanted.mapping.get(field):
            yield f"mapping.{field}: {_arrow(now.mapping.get(field), wanted.mapping.get(field))}"


def _limits(now: Destination, wanted: Wanted) -> Iterator[str]:
    for name, old in chosen_limits(now.limits).items():
        if old != (new := wanted.limits.get(name)):
            yield f"limits.{name}: {_arrow(old, new)}"


def _arrow(old: Any, new: Any) -> str:
    return f"{_said(old)} → {_said(new)}"


def _said(value: Any) -> str:
    return "–" if value is None else orjson.dumps(value).decode()


def _lines(headers: Any) -> Any:
    """As lines they take the place of the old ones; a mapping would be added to them."""
    return "\n".join(f"{name}: {text}" for name, text in headers.items()) if isinstance(headers, Mapping) else headers
