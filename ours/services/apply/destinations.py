"""The section ``destinations``: by name, with settings, allow list, mapping, limits and status."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ours.errors import Invalid
from ours.registry import Registry
from ours.services import naming
from ours.services.actors import Who
from ours.services.apply import form
from ours.services.apply.form import KEEP
from ours.services.apply.section import Change, How
from ours.services.apply.wanted import LIMITS, Comparing, Wanted, chosen_limits
from ours.services.destinations import Destination, Destinations
from ours.services.destinations.settings import MASK

_KEYS = ("type", "status", "settings", "events", "mapping", "limits")
_STATUS = {True: "on", False: "off", "on": "on", "paused": "paused", "off": "off"}  # YAML reads a bare on as true
_WAY = {
    ("on", "paused"): ("pause",), ("on", "off"): ("turn_off",), ("paused", "on"): ("resume",),
    ("paused", "off"): ("turn_off",), ("off", "on"): ("turn_on",), ("off", "paused"): ("turn_on", "pause"),
}  # fmt: skip


class DestinationsSection:
    name = "destinations"

    def __init__(self, destinations: Destinations, registry: Registry) -> None:
        self._destinations = destinations
        self._comparing = Comparing(destinations, registry)

    def export(self, *, references: bool) -> Mapping[str, Any]:
        return {
            one.name: _document(one, self._destinations.kept(one.id), references=references)
            for one in self._destinations.list()
        }

    def plan(self, given: Any, how: How) -> Sequence[Change]:
        if not isinstance(given, dict):
            raise Invalid("destinations must be a mapping: name → what it is like.")
        there = {one.name.casefold(): one for one in self._destinations.list()}
        changes: list[Change] = []
        for name, one in given.items():
            changes += self._one(naming.clean(str(name)), one or {}, there.pop(str(name).strip().casefold(), None), how)
        extra = [one for one in there.values() if how.prune and one.status != "off"]
        return changes + [self._switch(one, "off", "off") for one in extra]

    def _one(self, name: str, given: Any, now: Destination | None, how: How) -> list[Change]:
        where = f'The destination "{name}"'
        one = form.keys(given, _KEYS, where)
        status = _status(one, where) if "status" in one or now is None else now.status
        missing: set[str] = set()
        settings = form.resolve(one.get("settings") or {}, how.environ, missing)
        if missing:
            raise Invalid(f"{where} refers to variables that are not set: {', '.join(sorted(missing))}.")
        kept = self._destinations.kept(now.id) if now else {}
        wanted = Wanted(
            str(one.get("type") or (now.slug if now else "")),
            _filled(settings, kept, where),
            [str(event) for event in one.get("events") or ()],
            {str(field): _row(row) for field, row in (one.get("mapping") or {}).items()},
            dict.fromkeys(LIMITS) | form.keys(one.get("limits") or {}, LIMITS, f"{where}, limits"),
        )
        if now is None:
            return [self._add(name, status, wanted)]
        if now.slug != wanted.slug:
            raise Invalid(f"{where} is of type {now.slug}, which can't change. Choose another name for the new one.")
        return self._differences(now, wanted, status)

    def _add(self, name: str, status: str, wanted: Wanted) -> Change:
        self._comparing.check(wanted)

        def make(actor: Who) -> None:
            made = self._destinations.add(
                wanted.slug, name, wanted.settings, events=wanted.events, mapping=wanted.mapping,
                limits=wanted.limits, actor=actor,
            )  # fmt: skip
            for verb in _WAY.get(("on", status), ()):
                getattr(self._destinations, verb)(made.id, actor=actor)

        events = ", ".join(wanted.events) or "none: nothing leaves"
        return Change(
            "add", "destination", name, [f"type: {wanted.slug}", f"events: {events}", f"status: {status}"], make
        )

    def _differences(self, now: Destination, wanted: Wanted, status: str) -> list[Change]:
        details = self._comparing.differences(now, wanted)
        changes = []
        if details:
            changes.append(
                Change("change", "destination", now.name, details,
                       lambda actor: self._comparing.become(now, wanted, actor))
            )  # fmt: skip
        by_itself = now.status == "paused" and now.paused_for and status == "on"
        if now.status != status and not by_itself:
            changes.append(self._switch(now, status, "change"))
        return changes

    def _switch(self, now: Destination, status: str, verb: Any) -> Change:
        def make(actor: Who) -> None:
            for step in _WAY[now.status, status]:
                getattr(self._destinations, step)(now.id, actor=actor)

        return Change(verb, "destination", now.name, [f"status: {now.status} → {status}"], make)


def _status(one: Mapping[str, Any], where: str) -> str:
    status = one.get("status", "on")
    if status not in _STATUS:
        raise Invalid(f"{where}: status is one of on, paused, off.")
    return _STATUS[status]


def _filled(given: Any, kept: Any, where: str) -> Any:
    """The settings with what is kept put in its place."""
    if given is KEEP:
        if kept is None or kept == {}:
            raise Invalid(f"{where} has nothing yet that !keep could keep: say ${{NAME}} and set that variable.")
        return kept
    if isinstance(given, dict):
        inner = kept if isinstance(kept, dict) else {}
        return {str(name): _filled(value, inner.get(name), where) for name, value in given.items()}
    return given


def _document(one: Destination, kept: Iterable[str], *, references: bool) -> dict[str, Any]:
    """``kept``: the names of the settings that somebody gave; the rest are the plugin's defaults."""
    given = {name: value for name, value in one.settings_shown.items() if name in kept}
    document = {
        "type": one.slug,
        "status": "on" if one.paused_for else one.status,
        "settings": _unmasked(form.escape(given), [one.name], references=references),
        "events": list(one.events),
        "mapping": dict(one.mapping),
        "limits": {name: value for name, value in chosen_limits(one.limits).items() if value is not None},
    }
    return {key: value for key, value in document.items() if value or key == "events"}


def _unmasked(value: Any, path: list[str], *, references: bool) -> Any:
    if value == MASK:
        return "${" + re.sub(r"\W+", "_", "_".join(path)).strip("_").upper() + "}" if references else KEEP
    if isinstance(value, dict):
        return {name: _unmasked(inner, [*path, name], references=references) for name, inner in value.items()}
    return value


def _row(row: Any) -> Any:
    """A template, or a template and its modification."""
    return row if isinstance(row, dict) else str(row)
