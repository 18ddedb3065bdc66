"""The section ``sources``: by name, whether each is active. Keys are made here and never travel."""

from collections.abc import Mapping, Sequence
from typing import Any

from ours.errors import Invalid
from ours.services import naming
from ours.services.actors import Who
from ours.services.apply import form
from ours.services.apply.section import Change, How
from ours.services.sources import Source, Sources

_VERBS = {"active": "activate", "deactivated": "deactivate"}


class SourcesSection:
    name = "sources"

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def export(self, *, references: bool) -> Mapping[str, Any]:  # noqa: ARG002
        return {one.name: {"status": one.status} for one in self._sources.list()}

    def plan(self, given: Any, how: How) -> Sequence[Change]:
        there = {one.name.casefold(): one for one in self._sources.list()}
        if not isinstance(given, dict):
            raise Invalid("sources must be a mapping: name → what it is like.")
        wanted = {naming.clean(str(name)): _status(str(name), one) for name, one in given.items()}
        changes = [
            change
            for name, status in wanted.items()
            for change in self._change(name, status, there.get(name.casefold()))
        ]
        names = {name.casefold() for name in wanted}
        extra = [one for key, one in there.items() if how.prune and key not in names and one.status == "active"]
        return changes + [self._set(one, "deactivated", "off") for one in extra]

    def _change(self, name: str, status: str, now: Source | None) -> list[Change]:
        if now is None:
            details = ["with a live key and a test key of its own", *([] if status == "active" else [status])]
            return [Change("add", "source", name, details, lambda actor: self._add(name, status, actor))]
        return [] if now.status == status else [self._set(now, status, "change")]

    def _set(self, now: Source, status: str, verb: Any) -> Change:
        def make(actor: Who) -> object:
            return getattr(self._sources, _VERBS[status])(now.id, actor=actor)

        return Change(verb, "source", now.name, [f"status: {now.status} → {status}"], make)

    def _add(self, name: str, status: str, actor: Who) -> None:
        made = self._sources.add(name, actor=actor)
        if status != "active":
            self._sources.deactivate(made.source.id, actor=actor)


def _status(name: str, given: Any) -> str:
    one = form.keys(given or {}, ("status",), f'The source "{name}"')
    status = str(one.get("status", "active"))
    if status not in _VERBS:
        raise Invalid(f'The source "{name}": status is one of {", ".join(_VERBS)}.')
    return status
