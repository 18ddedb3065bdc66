"""A destination's mapping and its conditional mappings: edited, tried on the latest events, and then applied."""

from collections.abc import Mapping
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ours.core.catalogues import DEFAULT_PROPERTIES, USER_PROPERTIES
from ours.core.logic import OPERATORS
from ours.core.modifications import MODIFICATIONS
from ours.errors import Invalid
from ours.plugin import Destination as Plugin
from ours.services.destinations import Destination
from ours.services.destinations.mapping import withheld
from ours.services.preview import PATIENCE, Report
from ours.web.current import ours
from ours.web.show import condition_form, mapping_form
from ours.web.show.condition_form import Conditions
from ours.web.show.door import page, person
from ours.web.show.removed import still_there
from ours.web.show.typed import placed

_EVENT = ("event.event", "event.time", "event.distinct_id", "event.email", "event.event_properties.…",
          "event.request_context.ip", "event.request_context.user_agent")  # fmt: skip
PATHS = (*_EVENT, *(f"event.default_properties.{name}" for name in DEFAULT_PROPERTIES),
         "visitor.id", "visitor.email_sha256", *(f"visitor.{name}" for name in USER_PROPERTIES))  # fmt: skip


@page("/destinations/<int:destination_id>/mapping", "editor", ["GET", "POST"])
def mapping(destination_id: int) -> ResponseReturnValue:
    found, plugin = _found(destination_id)
    if request.method == "GET":
        return _page(found, plugin, found.mapping)
    typed = mapping_form.read(request.form)
    try:
        mapping_form.check(request.form)
        if request.form.get("do") == "preview":
            report = ours().preview.destination(found.id, mapping=typed, seconds=PATIENCE)
            return _page(found, plugin, typed, report=report)
        ours().destinations.update(found.id, mapping=typed, **_said())
    except Invalid as error:
        return _page(found, plugin, typed, error.errors or {"": [str(error)]}), 400
    flash("Saved. It applies to everything sent from now on.", "good")
    return redirect(url_for("show.mapping", destination_id=found.id))


@page("/destinations/<int:destination_id>/mapping/case", "editor", ["GET", "POST"])
def mapping_case(destination_id: int) -> ResponseReturnValue:
    """One conditional mapping; a new one when no name is given."""
    found, plugin = _found(destination_id)
    old = next((one for one in found.cases if one["name"] == request.args.get("name", "")), None)
    if request.method == "GET":
        shown = old or {"name": "", "enabled": True, "logic": None, "mapping": {}}
        return _case_page(found, plugin, old, shown, condition_form.of(shown["logic"]))
    conditions = condition_form.read(request.form)
    typed = {"name": request.form.get("name", ""), "enabled": "enabled" in request.form,
             "mapping": mapping_form.read(request.form)}  # fmt: skip
    try:
        mapping_form.check(request.form, f"cases.{typed['name']}.")
        cases = placed(typed | {"logic": conditions.logic()}, [one for one in found.cases if one is not old])
        if request.form.get("do") == "preview":
            report = ours().preview.destination(found.id, cases=cases, seconds=PATIENCE)
            return _case_page(found, plugin, old, typed, conditions, report=report)
        ours().destinations.update(found.id, cases=cases, **_said())
    except Invalid as error:
        return _case_page(found, plugin, old, typed, conditions, error.errors or {"": [str(error)]}), 400
    flash("Saved. It applies to everything sent from now on.", "good")
    return redirect(url_for("show.mapping", destination_id=found.id))


@page("/destinations/<int:destination_id>/mapping/case/remove", "editor", ["POST"])
def remove_case(destination_id: int) -> ResponseReturnValue:
    found, _ = _found(destination_id)
    left = [one for one in found.cases if one["name"] != request.form.get("name", "")]
    ours().destinations.update(found.id, cases=left, actor=person().actor, seen=found.version)
    flash("The conditional mapping was removed. You can restore it from History.", "good")
    return redirect(url_for("show.mapping", destination_id=found.id))


def _found(destination_id: int) -> tuple[Destination, Plugin]:
    found = still_there(destination_id)
    plugin = ours().registry.plugin(found.slug) or abort(404, "Its plugin is not loaded, so its fields are not known.")
    return found, plugin


def _said() -> dict[str, Any]:
    form = request.form
    return {"actor": person().actor, "why": form.get("why", ""), "override": form.get("override", ""),
            "seen": form.get("seen", type=int)}  # fmt: skip


def _page(
    found: Destination, plugin: Plugin, typed: Mapping[str, Any], errors: Any = None, report: Report | None = None
) -> str:
    held = withheld(plugin, found.category, found.mapping)
    return render_template(
        "rules/mapping.html", destination=found, held=held, errors=errors or {}, report=report,
        lines=mapping_form.lines(typed, request.form), rename=mapping_form.name_line(typed),
        modifications=MODIFICATIONS.values(), paths=PATHS, **mapping_form.of_plugin(plugin),
    )  # fmt: skip


def _case_page(
    found: Destination, plugin: Plugin, old: Mapping[str, Any] | None, typed: Mapping[str, Any],
    conditions: Conditions, errors: Any = None, report: Report | None = None,
) -> str:  # fmt: skip
    place = found.cases.index(old) + 1 if old in found.cases else len(found.cases) + 1
    return render_template(
        "rules/case.html", destination=found, old=old, typed=typed, conditions=conditions, place=place,
        lines=mapping_form.lines(typed["mapping"], request.form), rename=mapping_form.name_line(typed["mapping"]),
        errors=errors or {}, report=report, modifications=MODIFICATIONS.values(), operators=OPERATORS.values(),
        paths=PATHS, plugin=plugin,
    )  # fmt: skip
