"""Sources: add one, see what each sends and with which keys, switch one off or delete it."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ours import clock
from ours.errors import Invalid
from ours.services.sources import working_key
from ours.web.current import ours
from ours.web.show.door import page, person
from ours.web.show.lanes import WINDOWS, side_by_side
from ours.web.show.snippets import sees_whole, shown_key, snippets
from ours.web.show.typed import sorted_out
from ours.web.show.verbs import SOURCE, SOURCE_OFFERS

OVERLAPS = {"1 hour": 1, "1 day": 24, "7 days": 168, "30 days": 720}
"""For how many hours an old key may work beside the new one."""


@page("/sources", "viewer")
def sources() -> str:
    return _list({})


@page("/sources/add", "editor", ["POST"])
def add_source() -> ResponseReturnValue:
    try:
        made = ours().sources.add(request.form.get("name", ""), actor=person().actor)
    except Invalid as error:
        return _list(error.errors), 400
    flash("The source was added. Both keys already work: paste a command below into a terminal.", "good")
    return redirect(url_for("show.source", source_id=made.source.id))


def _list(errors: dict[str, list[str]]) -> str:
    found = ours().sources.list()
    ids = {str(one.id): one.id for one in found}
    over, asked = request.args.get("over", ""), request.args.getlist("source")
    said = {"over": over, "source": ", ".join(one for one in asked if one not in ids)}
    _, unmeant = sorted_out(said, {"over": ("", *WINDOWS).__contains__, "source": "".__eq__})
    chosen = [ids[one] for one in asked if one in ids]
    return render_template(
        "sources/sources.html", sources=found, errors=errors, side=side_by_side(found, chosen, over), windows=WINDOWS,
        chosen=chosen, unmeant=unmeant,
    )  # fmt: skip


@page("/sources/<int:source_id>", "viewer")
def source(source_id: int) -> str:
    return show_source(source_id, {})


def show_source(source_id: int, errors: dict[str, list[str]]) -> str:
    found, now = ours().sources.get(source_id), clock.now_ms()
    whole = sees_whole(source_id)
    keys = ours().sources.keys(source_id)
    return render_template(
        "sources/source.html",
        source=found,
        keys=[(key, shown_key(key, whole=whole), key.works(now)) for key in keys],
        snippets={mode: snippets(key, whole=whole) for mode in ("test", "live") if (key := working_key(keys, mode))},
        verbs=[SOURCE[name] for name in SOURCE_OFFERS.get(found.status, ())],
        overlaps=list(OVERLAPS),
        whole=whole,
        refusals=ours().sources.refusals(source_id),
        errors=errors,
    )


@page("/sources/<int:source_id>/<verb>", "editor", ["GET", "POST"])
def change_source(source_id: int, verb: str) -> ResponseReturnValue:
    """First what it will do, then, posted, do it. Keys used within a day must be owned up to."""
    found = ours().sources.get(source_id)
    change = SOURCE.get(verb) or abort(404)
    used_at = _last_use(source_id) if change.grave else None
    unsure = used_at is not None and not request.form.get("sure")
    if request.method == "GET" or unsure:
        shown = {"source": found, "verb": change, "what": found.name, "used_at": used_at}
        asked = request.method == "POST"
        return render_template("sources/confirm.html", **shown, unsure=asked), 400 if asked else 200
    change.act(ours().sources, source_id, actor=person().actor)
    flash(f"{found.name} {change.done}", "good")
    return redirect(url_for("show.sources") if verb == "delete" else url_for("show.source", source_id=source_id))


def _last_use(source_id: int) -> int | None:
    """When one of its keys was last used, if that was within a day."""
    used = max((key.last_used_at or 0 for key in ours().sources.keys(source_id)), default=0)
    return used if used > clock.now_ms() - clock.DAY else None
