"""Governance: the rules that stop events, and what a change of one would do."""

from dataclasses import replace
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ours.core.agreements import CATEGORIES
from ours.core.deeds import Verb
from ours.core.governance import EVERY, PREFIX
from ours.core.logic import OPERATORS
from ours.errors import Invalid, NotFound
from ours.services.preview import PATIENCE, Report
from ours.services.rules import Rule
from ours.web.current import ours
from ours.web.show import condition_form
from ours.web.show.condition_form import Conditions
from ours.web.show.door import page, person
from ours.web.show.mapping import PATHS
from ours.web.show.typed import placed, read_number


@page("/governance", "viewer")
def governance() -> str:
    names = {one.id: one.name for one in ours().destinations.names()}
    return render_template(
        "rules/governance.html",
        rules=ours().governance.list(),
        names=names,
        doubts=ours().check.run(500),
        prefix=PREFIX,
    )


@page("/governance/rule", "editor", ["GET", "POST"])
def rule() -> ResponseReturnValue:
    """One rule; a new one when no id is given."""
    seen = ours().governance.version() if request.method == "GET" else request.form.get("seen", type=int)
    old = _old()
    if request.method == "GET":
        blank = Rule(name="", covers=[], logic=None)
        return _page(old, old or blank, condition_form.of((old or blank).logic), seen)
    conditions = condition_form.read(request.form)
    typed = Rule(id=old.id if old else None, name=request.form.get("name", ""), note=request.form.get("note", ""),
                 enabled="enabled" in request.form, covers=_covers(), logic=None)  # fmt: skip
    try:
        wanted = _replaced(old, replace(typed, logic=conditions.logic()))
        if request.form.get("do") == "preview":
            return _page(old, typed, conditions, seen, report=ours().preview.governance(wanted, seconds=PATIENCE))
        verb: Verb = "change_rule" if old else "add_rule"
        why = request.form.get("why", "")
        ours().governance.put(wanted, actor=person().actor, verb=verb, why=why, seen=seen)
    except Invalid as error:
        return _page(old, typed, conditions, seen, error.errors or {"": [str(error)]}), 400
    flash("Saved. It applies to every event from now on.", "good")
    return redirect(url_for("show.governance"))


@page("/governance/rule/remove", "editor", ["POST"])
def remove_rule() -> ResponseReturnValue:
    old = _old() or abort(404)
    ours().governance.remove(old.id or 0, actor=person().actor)
    flash(f"“{old.name}” was removed. You can restore it from History.", "good")
    return redirect(url_for("show.governance"))


def _old() -> Rule | None:
    given = request.args.get("id", "")
    try:
        return ours().governance.find(given) if given else None
    except NotFound as error:
        return abort(404, str(error))


def _covers() -> list[int | str]:
    given = request.form.getlist("covers")
    return [one if (number := read_number(one)) is None else number for one in given]


def _replaced(old: Rule | None, new: Rule) -> list[Rule]:
    return placed(new, [one for one in ours().governance.list() if old is None or one.id != old.id])


def _page(
    old: Rule | None, typed: Rule, conditions: Conditions, seen: int | None, errors: Any = None,
    report: Report | None = None,
) -> str:  # fmt: skip
    known = ours().governance.list()
    place = next((number for number, one in enumerate(known, 1) if old and one.id == old.id), len(known) + 1)
    return render_template(
        "rules/rule.html", old=old, typed=typed, conditions=conditions, errors=errors or {}, report=report,
        place=place, operators=OPERATORS.values(), destinations=ours().destinations.list(), categories=CATEGORIES,
        every=EVERY, paths=PATHS, seen=seen,
    )  # fmt: skip
