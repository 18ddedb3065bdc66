"""History: every version of the configuration, what it changed, and the way back."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ours.core import subjects
from ours.core.diffing import ABSENT, Difference
from ours.errors import Invalid, NotFound, Unsealable
from ours.ids import is_id
from ours.services.destinations import Destination
from ours.services.history import Version
from ours.web.current import ours
from ours.web.show.door import page, person
from ours.web.show.formats import own_address
from ours.web.show.removed import removal

_VERSIONS = 50
_SOURCE = re.compile(r"sources\[\d+\]")
_OF_NONE = {"sources": "all", "events": "none: nothing is sent", "mapping": "the plugin's", "category": "the plugin's"}
"""What it means that a destination has none of these."""
_PARTS = {"events": "allow list", "cases": "conditional mappings"}
_FIELD = re.compile(r"^\w+")
_COVER = re.compile(r"rules\[\d+\]\.covers\[\d+\]")


@page("/history", "viewer")
def history() -> str:
    subject, before = request.args.get("of") or None, request.args.get("before", "")
    found = ours().history.list(subject, _VERSIONS + 1, before if is_id(before) else None)
    older = found[_VERSIONS - 1].id if len(found) > _VERSIONS else None
    names = {subjects.destination(one.id): one.shown for one in ours().destinations.ever()}
    place = _place(subject) if subject in names else None
    versions = [(one, _parts(one)) for one in found[:_VERSIONS]]
    return render_template(
        "history/history.html", versions=versions, older=older, subject=subject, names=names, place=place,
        removal=removal(place) if place else None,
    )  # fmt: skip


@page("/history/<subject>/<int:number>", "viewer")
def version(subject: str, number: int) -> str:
    return _page(subject, number)


@page("/history/<subject>/<int:number>/restore", "editor", ["POST"])
def restore_version(subject: str, number: int) -> ResponseReturnValue:
    form = request.form
    try:
        made = ours().history.roll_back(
            subject, number, actor=person().actor, why=form.get("why", ""), override=form.get("override", "")
        )
    except Invalid as error:
        return _page(subject, number, str(error), ask="override" in error.errors), 400
    flash(f"Rolled back to version {number}. That is now version {made.number}.", "good")
    return redirect(url_for("show.history", of=subject))


def _parts(one: Version) -> list[str]:
    """What of a destination a version changed, in words; nothing where that can't be told any more."""
    if subjects.destination_of(one.subject) is None:
        return []
    with suppress(Unsealable):
        found = _changed(one.subject, one.number) or ()
        return list(dict.fromkeys(_PARTS.get(name, name) for each in found for name in _FIELD.findall(each.path)))
    return []


def _page(subject: str, number: int, wrong: str = "", *, ask: bool = False) -> str:
    try:
        found = ours().history.show(subject, number)
    except NotFound:
        abort(404, "There is no such version.")
    newest = ours().history.list(subject, 1)[0].number
    since = ours().history.diff(subject, number, newest) if number != newest else []
    changed = _changed(subject, number)
    places = {one.id: one.shown for one in ours().destinations.ever()}
    place = _place(subject)
    told = _Told({one.id: one.name for one in ours().sources.names()}, places)
    return render_template(
        "history/version.html", version=replace(found, document=told.document(found.document)), newest=newest,
        since=told.differences(since), changed=None if changed is None else told.differences(changed),
        names={subjects.destination(place): name for place, name in places.items()}, wrong=wrong, ask=ask,
        place=place, removal=removal(place) if place else None,
    )  # fmt: skip


def _place(subject: str) -> Destination | None:
    """The destination that it is about; None: it is about governance."""
    destination_id = subjects.destination_of(subject)
    return ours().destinations.get(destination_id) if destination_id is not None else None


def _changed(subject: str, number: int) -> Sequence[Difference] | None:
    """What this version changed; None when the one before is not kept."""
    try:
        return ours().history.diff(subject, number - 1, number)
    except NotFound:
        return None


@dataclass(frozen=True, slots=True)
class _Told:
    """Says the names of sources and destinations where a document has their ids."""

    sources: Mapping[int, str]
    places: Mapping[int, str]

    def document(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        told = {name: value or _OF_NONE.get(name, "none") for name, value in document.items()}
        if document.get("settings"):
            told["settings"] = {name: self._value("settings.", value) for name, value in document["settings"].items()}
        if document.get("sources"):
            told["sources"] = [self.sources.get(one, one) for one in document["sources"]]
        if document.get("rules"):
            told["rules"] = [
                {**rule, "covers": [self.places.get(one, one) for one in rule["covers"]]} for rule in document["rules"]
            ]
        return told

    def differences(self, found: Sequence[Difference]) -> Sequence[Difference]:
        return [Difference(one.path, self._value(one.path, one.old), self._value(one.path, one.new)) for one in found]

    def _value(self, path: str, value: Any) -> Any:
        if path.startswith("mapping.") and (value == "" or value is ABSENT):
            return "left out" if value == "" else "no row"
        if path.startswith("settings.") and isinstance(value, str):
            return own_address(value)
        names = self.sources if _SOURCE.fullmatch(path) else self.places if _COVER.fullmatch(path) else {}
        return names.get(value, value) if isinstance(value, int) else value
