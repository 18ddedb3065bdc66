"""A source's keys and its limit: make a new key, end an old one, say how many requests a second it may send."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ours import clock
from ours.errors import Invalid
from ours.services.sources import MODES
from ours.web.current import ours
from ours.web.show.door import page, person
from ours.web.show.snippets import shown_key
from ours.web.show.sources import OVERLAPS, show_source
from ours.web.show.typed import read_number
from ours.web.show.verbs import REVOKE


@page("/sources/<int:source_id>/rotate", "editor", ["POST"])
def rotate_key(source_id: int) -> ResponseReturnValue:
    """A new key of the mode asked for; the old ones work on for the overlap chosen."""
    overlap, mode = OVERLAPS.get(request.form.get("overlap", "")), request.form.get("mode", "")
    if overlap is None or mode not in MODES:
        abort(400)
    ours().sources.rotate(source_id, mode, overlap * 3600, actor=person().actor)
    flash(
        f"The new {mode} key is ready. The old one keeps working for the time you chose; its last use is shown below.",
        "good",
    )
    return redirect(url_for("show.source", source_id=source_id))


@page("/sources/<int:source_id>/keys/<int:key_id>/revoke", "editor", ["GET", "POST"])
def revoke_key(source_id: int, key_id: int) -> ResponseReturnValue:
    """First what it will do, then, posted, do it. A key used within a day must be owned up to."""
    key = next((one for one in ours().sources.keys(source_id) if one.id == key_id), None) or abort(404)
    used_at = key.last_used_at if key.in_use(clock.now_ms()) else None
    unsure = used_at is not None and not request.form.get("sure")
    if request.method == "GET" or unsure:
        source, what = ours().sources.get(source_id), f"the {key.mode} key {shown_key(key, whole=True)[:12]}…"
        shown = {"source": source, "verb": REVOKE, "what": what, "used_at": used_at}
        asked = request.method == "POST"
        return render_template("sources/confirm.html", **shown, unsure=asked), 400 if asked else 200
    ours().sources.revoke_key(key_id, actor=person().actor)
    flash(f"The {key.mode} key {REVOKE.done}", "good")
    return redirect(url_for("show.source", source_id=source_id))


@page("/sources/<int:source_id>/limit", "editor", ["POST"])
def limit_source(source_id: int) -> ResponseReturnValue:
    """How many requests a second it may send; an empty field lifts the limit."""
    typed = request.form.get("limit", "").strip()
    try:
        ours().sources.limit(source_id, _requests(typed), actor=person().actor)
    except Invalid as error:
        return show_source(source_id, error.errors), 400
    flash("The limit takes effect within a second." if typed else "The limit was removed.", "good")
    return redirect(url_for("show.source", source_id=source_id))


def _requests(typed: str) -> int | None:
    requests = read_number(typed)
    if typed and requests is None:
        raise Invalid(
            "The limit must be a number.", {"limit": ["Enter a whole number of requests per second, or nothing."]}
        )
    return requests
