"""Admits plugins in order of origin. The first to claim a slug keeps it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ours import log
from ours.errors import Invalid, OursError
from ours.plugin import Destination
from ours.registry.apart import refused
from ours.registry.finding import Candidate, Origin, at, built_in, drop_ins, installed
from ours.registry.trial import Refusal, Trial, attempt
from ours.settings import Settings


class PluginBroken(OursError):
    """A built-in destination can't be loaded: our bug, so nothing starts."""

    code = "plugin_broken"


@dataclass(frozen=True, slots=True)
class Loaded:
    """An admitted destination: one instance serves all that are configured."""

    slug: str
    plugin: Destination
    origin: Origin
    where: str


@dataclass(frozen=True, slots=True)
class SetAside:
    """What was found and not admitted. ``reason`` is for the operator: what is wrong, and how to mend it.

    ``install``: the line that installs what it lacks, where that is all.
    """

    name: str
    origin: Origin
    where: str
    reason: str
    install: str | None = None


class Registry:
    """The destinations that can be configured, in the order in which they were admitted.

    ``uninstalled`` are the house's own whose extra nobody asked for: nothing is wrong with them.
    """

    def __init__(
        self, loaded: Iterable[Loaded], set_aside: Iterable[SetAside] = (), uninstalled: Iterable[SetAside] = ()
    ) -> None:
        self.loaded = tuple(loaded)
        self.set_aside = tuple(set_aside)
        self.uninstalled = tuple(uninstalled)
        self._by_slug = {one.slug: one for one in self.loaded}

    def get(self, slug: str) -> Loaded | None:
        return self._by_slug.get(slug)

    def plugin(self, slug: str) -> Destination | None:
        """None when it is not there, or was set aside."""
        loaded = self.get(slug)
        return loaded.plugin if loaded else None

    def needed(self, slug: str) -> Destination:
        """:raises Invalid: when it is not there, saying which are."""
        plugin = self.plugin(slug)
        if plugin is None:
            there = ", ".join(sorted(self._by_slug))
            sentence = f'There is no plugin "{slug}". Loaded are: {there}. `ours plugin list` shows what was set aside.'
            raise Invalid.at("type", sentence)
        return plugin


def load(settings: Settings) -> Registry:
    """Find and try every plugin there is.

    :raises PluginBroken: when one of the house's own fails.
    """
    registry = _admit(built_in(), [*installed(), *drop_ins(settings.plugins_dir)])
    for one in registry.set_aside:
        log.get("registry").warning(
            "plugin_set_aside", plugin=one.name, origin=one.origin, where=one.where, reason=one.reason
        )
    return registry


def load_built_in() -> Registry:
    """The house's own destinations alone, whatever this machine has besides."""
    return _admit(built_in())


def load_at(path: Path) -> Registry:
    """The plugin in one file or folder alone, wherever it lies."""
    return _admit((), [at(path)])


def _tried(house: Iterable[Candidate], strangers: Sequence[Candidate]) -> Iterator[tuple[Candidate, Trial]]:
    """What strangers wrote is tried apart first: after the house's own, so that the child has their imports."""
    for candidate in house:
        yield candidate, attempt(candidate)
    found = refused(strangers)
    for candidate in strangers:
        yield candidate, ([], found[candidate]) if candidate in found else attempt(candidate)


def _admit(house: Iterable[Candidate], strangers: Sequence[Candidate] = ()) -> Registry:
    loaded: dict[str, Loaded] = {}
    set_aside: list[SetAside] = []
    uninstalled: list[SetAside] = []
    for candidate, (plugins, refusals) in _tried(house, strangers):
        for plugin in plugins:
            slug = type(plugin).slug
            if holder := loaded.get(slug):
                refusals.append(Refusal(candidate.name, taken_by(holder)))
            else:
                loaded[slug] = Loaded(slug, plugin, candidate.origin, candidate.where)
        for name, reason, install in refusals:
            aside = SetAside(name, candidate.origin, candidate.where, reason, install)
            if candidate.origin != "built-in":
                set_aside.append(aside)
            elif install:
                uninstalled.append(replace(aside, name=candidate.name))
            else:
                raise PluginBroken(f"The built-in destination {name} can't be loaded: {reason} Reinstall Ours.")
    return Registry(loaded.values(), set_aside, uninstalled)


def taken_by(holder: Loaded) -> str:
    """Why nobody else can have the holder's slug."""
    return f'The slug "{holder.slug}" is taken by the {holder.origin} {holder.where}. Choose another slug.'
