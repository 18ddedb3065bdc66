"""The section ``destinations``: by name, all that can be set of each, and its status."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ours.core import subjects
from ours.core.diffing import ABSENT, differences
from ours.errors import Changed, Invalid
from ours.plugin import Destination as Plugin
from ours.registry import Registry
from ours.services import naming
from ours.services.actors import Who
from ours.services.apply import wanted
from ours.services.apply.references import References
from ours.services.apply.section import Change, How, Verb
from ours.services.apply.telling import arrow, said
from ours.services.apply.wanted import Wanted
from ours.services.audit import Audit
from ours.services.destinations import Destination, Destinations, overriding
from ours.services.destinations.config import Config, drafted, newly_exposed
from ours.services.destinations.settings import plain_settings, without_secrets
from ours.services.sources import Sources

_WAY = {
    ("on", "paused"): ("pause",), ("on", "off"): ("turn_off",), ("paused", "on"): ("resume",),
    ("paused", "off"): ("turn_off",), ("off", "on"): ("turn_on",), ("off", "paused"): ("turn_on", "pause"),
}  # fmt: skip
_WHOLE = ("category", "agreement", "sources", "events")
_FIELD_BY_FIELD = ("mapping", "limits")


class DestinationsSection:
    name = "destinations"

    def __init__(self, destinations: Destinations, sources: Sources, registry: Registry, audit: Audit) -> None:
        self._destinations = destinations
        self._sources = sources
        self._registry = registry
        self._audit = audit

    def export(self, *, references: bool) -> Mapping[str, Any]:
        names = References() if references else None
        return {one.name: self._document(one, names) for one in self._destinations.list()}

    def plan(self, given: Any, how: How) -> Sequence[Change]:
        if not isinstance(given, dict):
            raise Invalid("destinations must be a mapping: name → what it is like.")
        there = {naming.look(one.name): one for one in self._destinations.list()}
        kept = [one.name for one in there.values()]
        changes: list[Change] = []
        wrong: dict[str, Invalid] = {}
        for name, one in given.items():
            now, called = there.pop(naming.look(str(name)), None), naming.clean(str(name), kept)
            try:
                changes += self._one(called, one or {}, now, how)
            except Invalid as error:
                wrong[called] = error
        if wrong:
            raise _all_of(wrong)
        extra = [one for one in there.values() if how.prune and one.status != "off"]
        return changes + [self._switch(one, "off", "off") for one in extra]

    def _document(self, one: Destination, references: References | None) -> dict[str, Any]:
        config = self._destinations.config(one.id)
        shown = wanted.hidden(one.settings_shown, config.settings, one.name, references)
        written = wanted.document(replace(config, settings=shown), list(self._heard(config)))
        head = {"type": one.slug, "status": "on" if one.paused_for else one.status}
        override = {"override": reason} if (reason := self._reason(one, config)) else {}
        whole = head | written | override
        return {key: whole[key] for key in wanted.KEYS if key in whole}

    def _reason(self, one: Destination, config: Config) -> str:
        """Why sensitive fields may leave, as it was last said; empty where none leaves without an agreement."""
        plugin = self._registry.plugin(one.slug)
        if plugin and not newly_exposed(plugin, None, config):
            return ""
        entry = self._audit.latest("override", subjects.destination(one.id))
        return str(entry.detail["reason"]) if entry else ""

    def _one(self, name: str, written: Any, now: Destination | None, how: How) -> list[Change]:
        where = _where(name)
        before = self._destinations.config(now.id) if now else None
        want = wanted.read(written, before, (now.slug, now.status) if now else ("", ""), how, where)
        if now and now.slug != want.slug:
            raise Invalid(f"{where} is of type {now.slug}, which can't change. Choose another name for the new one.")
        details = self._details(want, before, name, how, where)
        if now is None:
            about = [f"type: {want.slug}", f"status: {want.status}"]
            told = [line.replace(": – → ", ": ", 1) for line in details]
            none = [] if want.given["events"] else ["events: none: nothing leaves"]
            return [Change("add", "destination", name, [*about, *none, *told],
                           lambda actor: self._add(name, want, actor, how.why))]  # fmt: skip
        changes = []
        if details:
            changes.append(Change("change", "destination", now.name, details,
                                  lambda actor: self._become(now, want, actor, how.why)))  # fmt: skip
        by_itself = now.status == "paused" and now.paused_for and want.status == "on"
        if now.status != want.status and not by_itself:
            changes.append(self._switch(now, want.status, "change"))
        return changes

    def _details(self, want: Wanted, now: Config | None, name: str, how: How, where: str) -> list[str]:
        """A line for people about each difference; none when it is as wanted. ``now``: None when it is to be added.

        :raises Invalid: when there can't be such a destination.
        """
        plugin = self._registry.plugin(want.slug) if now else self._registry.needed(want.slug)
        before = now or Config(name=name, settings={}, events=(), mapping={})
        after = drafted(plugin, before, wanted.changed(want.given, now) if now else want.given)
        heard = self._heard(before)
        known = {**how.named.get("sources", {}), **{naming.look(name): name for name in self._ids(heard)}}
        if strangers := [name for name in want.sources if naming.look(name) not in known]:
            raise Invalid(f'{where} listens to "{strangers[0]}", a source that is neither there nor in the file.')
        exposed = newly_exposed(plugin, now, after)
        if exposed and not want.override.strip():
            raise Invalid(overriding.refusal(where, exposed))
        sources = [known[naming.look(name)] for name in want.sources]
        told = list(_told(plugin, wanted.document(before, list(heard)), wanted.document(after, sources)))
        return told + ([f"override for {', '.join(exposed)}: {said(want.override)}"] if exposed else [])

    def _add(self, name: str, want: Wanted, actor: Who, why: str) -> None:
        given: Any = {key: value for key, value in want.given.items() if key not in ("settings", "events")}
        made = self._destinations.add(
            want.slug, name, want.given["settings"] or {}, events=want.given["events"] or (), **given,
            sources=self._chosen(want, {}), override=want.override, why=why, actor=actor,
        )  # fmt: skip
        for verb in _WAY.get(("on", want.status), ()):
            getattr(self._destinations, verb)(made.id, actor=actor)

    def _become(self, now: Destination, want: Wanted, actor: Who, why: str) -> None:
        config = self._destinations.config(now.id)
        heard = self._heard(config)
        given: Any = {**wanted.changed(want.given, config), "sources": self._chosen(want, heard)}
        self._destinations.update(now.id, **given, override=want.override, why=why, seen=now.version, actor=actor)

    def _switch(self, now: Destination, status: str, verb: Verb) -> Change:
        def make(actor: Who) -> None:
            for step in _WAY[now.status, status]:
                getattr(self._destinations, step)(now.id, actor=actor)

        return Change(verb, "destination", now.name, [f"status: {now.status} → {status}"], make)

    def _heard(self, config: Config) -> dict[str, int]:
        """The sources that it listens to; deleted ones too, or it would seem to listen to all."""
        return {self._sources.get(one).name: one for one in config.sources}

    def _ids(self, heard: Mapping[str, int]) -> dict[str, int]:
        return {**{one.name: one.id for one in self._sources.names()}, **heard}

    def _chosen(self, want: Wanted, heard: Mapping[str, int]) -> list[int]:
        ids = {naming.look(name): one for name, one in self._ids(heard).items()}
        if any(naming.look(name) not in ids for name in want.sources):
            raise Changed("A source that a destination listens to was deleted meanwhile.")
        return [ids[naming.look(name)] for name in want.sources]


def _where(name: str) -> str:
    return f'The destination "{name}"'


def _all_of(wrong: Mapping[str, Invalid]) -> Invalid:
    """What is wrong with each destination, in one, so that a file is mended at once."""
    where = {name: _where(name) for name in wrong}
    told = [str(error) if where[name] in str(error) else f"{where[name]}: {error}" for name, error in wrong.items()]
    fields = {f"{name}.{field}": said for name, error in wrong.items() for field, said in error.errors.items()}
    return Invalid(" ".join(told), fields)


def _told(plugin: Plugin | None, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    plain = plain_settings(plugin) if plugin else frozenset()
    before, after = old.get("settings", {}), new.get("settings", {})
    ends = without_secrets(before), without_secrets(after)
    for name in sorted(set(before) | set(after)):
        if before.get(name) != after.get(name):
            told = f": {arrow(*(end.get(name) for end in ends))}" if name in plain else " changes"
            yield f"settings.{name}{told}"
    for key in _WHOLE:
        if _plain(old.get(key)) != _plain(new.get(key)):
            yield f"{key}: {arrow(old.get(key), new.get(key))}"
    for key in _FIELD_BY_FIELD:
        before, after = old.get(key, {}), new.get(key, {})
        for name in [*before, *(name for name in after if name not in before)]:
            if before.get(name) != after.get(name):
                yield f"{key}.{name}: {arrow(before.get(name), after.get(name))}"
    yield from _cases(old.get("cases", []), new.get("cases", []))


def _cases(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    before, after = ({case["name"]: case for case in cases} for cases in (old, new))
    if list(before) != list(after):
        yield f"cases: {arrow(list(before) or None, list(after) or None)}"
    for one in differences(before, after):
        yield f"cases.{one.path}: {arrow(*(None if end is ABSENT else end for end in (one.old, one.new)))}"


def _plain(value: Any) -> Any:
    """Lists are sets here, and what differs only in case is the same."""
    return {str(one).casefold() for one in value} if isinstance(value, list) else value
