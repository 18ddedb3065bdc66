"""History: every version of the configuration, what it changed, and the way back."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ours.errors import Invalid, NotFound
from ours.services.overview import is_id
from ours.web.current import ours
from ours.web.show.door import page, person

_VERSIONS = 50


@page("/history", "viewer")
def history() -> str:
    subject, before = request.args.get("of") or None, request.args.get("before", "")
    found = ours().history.list(subject, _VERSIONS + 1, before if is_id(before) else None)
    older = found[_VERSIONS - 1].id if len(found) > _VERSIONS else None
    names = {f"destination {one.id}": one.name for one in ours().destinations.names()}
    return render_template(
        "history/history.html", versions=found[:_VERSIONS], older=older, subject=subject, names=names
    )


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
    flash(f"All is set as in version {number}. That is version {made.number}.", "good")
    return redirect(url_for("show.history", of=subject))


def _page(subject: str, number: int, wrong: str = "", *, ask: bool = False) -> str:
    try:
        found = ours().history.show(subject, number)
    except (NotFound, ValueError, IndexError):
        abort(404, "There is no such version.")
    newest = ours().history.list(subject, 1)[0].number
    since = ours().history.diff(subject, number, newest) if number != newest else []
    changed = _changed(subject, number)
    names = {f"destination {one.id}": one.name for one in ours().destinations.names()}
    return render_template(
        "history/version.html", version=found, newest=newest, since=since, changed=changed, names=names, wrong=wrong,
        ask=ask,
    )  # fmt: skip


def _changed(subject: str, number: int) -> object:
    """What this version changed; None when the one before is not kept."""
    try:
        return ours().history.diff(subject, number - 1, number)
    except NotFound:
        return None
