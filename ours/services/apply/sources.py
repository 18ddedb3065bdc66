"""The section ``sources``: by name, whether each is active and how much it may send. Keys never travel."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ours.errors import Invalid
from ours.services import naming
from ours.services.actors import Who
from ours.services.apply import form
from ours.services.apply.section import Change, How
from ours.services.sources import MOST_REQUESTS, Source, Sources

_KEYS = ("status", "rate_limit")
_VERBS = {"active": "activate", "deactivated": "deactivate"}


class SourcesSection:
    name = "sources"

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def export(self, *, references: bool) -> Mapping[str, Any]:  # noqa: ARG002
        return {one.name: _document(one) for one in self._sources.list()}

    def plan(self, given: Any, how: How) -> Sequence[Change]:
        there = {naming.look(one.name): one for one in self._sources.list()}
        if not isinstance(given, dict):
            raise Invalid("sources must be a mapping: name → what it is like.")
        kept = [one.name for one in there.values()]
        wanted = {naming.clean(str(name), kept): _read(str(name), one) for name, one in given.items()}
        changes = [
            change for name, one in wanted.items() for change in self._change(name, one, there.get(naming.look(name)))
        ]
        names = {naming.look(name) for name in wanted}
        extra = [one for key, one in there.items() if how.prune and key not in names and one.status == "active"]
        return changes + [self._set(one, _document(one) | {"status": "deactivated"}, "off") for one in extra]

    def _change(self, name: str, wanted: Mapping[str, Any], now: Source | None) -> list[Change]:
        if now is None:
            details = ["with a live key and a test key of its own"]
            details += [f"{key}: {value}" for key, value in wanted.items() if value != "active"]
            return [Change("add", "source", name, details, lambda actor: self._add(name, wanted, actor))]
        return [] if _document(now) == wanted else [self._set(now, wanted, "change")]

    def _set(self, now: Source, wanted: Mapping[str, Any], verb: Literal["change", "off"]) -> Change:
        old = _document(now)
        changed = [key for key in _KEYS if old.get(key) != wanted.get(key)]
        details = [f"{key}: {old.get(key, '–')} → {wanted.get(key, '–')}" for key in changed]
        return Change(verb, "source", now.name, details, lambda actor: self._become(now, wanted, actor))

    def _add(self, name: str, wanted: Mapping[str, Any], actor: Who) -> None:
        self._become(self._sources.add(name, actor=actor).source, wanted, actor)

    def _become(self, now: Source, wanted: Mapping[str, Any], actor: Who) -> None:
        getattr(self._sources, _VERBS[wanted["status"]])(now.id, actor=actor)
        self._sources.limit(now.id, wanted.get("rate_limit"), actor=actor)


def _document(one: Source) -> dict[str, Any]:
    return {"status": one.status} | ({"rate_limit": one.rate_limit} if one.rate_limit else {})


def _read(name: str, given: Any) -> dict[str, Any]:
    where = f'The source "{name}"'
    one = {"status": "active"} | form.keys(given or {}, _KEYS, where)
    if str(one["status"]) not in _VERBS:
        raise Invalid(f"{where}: status is one of {', '.join(_VERBS)}.")
    limit = one.get("rate_limit", 1)
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MOST_REQUESTS:
        raise Invalid(f"{where}: rate_limit is 1 to {MOST_REQUESTS:,} requests a second; leave it out for none.")
    return one
