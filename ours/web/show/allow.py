"""The allow lists from the side of the events: one table of names and destinations."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ours.core.allow import ALL, name_key
from ours.plugin import IDENTIFY
from ours.services.destinations import Destination
from ours.services.preview import PATIENCE, Report
from ours.web.current import ours
from ours.web.show.door import page, person

_MOST = 300


@page("/allow", "viewer")
def allow() -> str:
    return _page({})


@page("/allow", "editor", ["POST"])
def change_allow() -> ResponseReturnValue:
    """Tick and untick; what stands as the page showed it stays as it is now, whoever changed it meanwhile."""
    wanted = {one.id: events for one in ours().destinations.list() if (events := _wanted(one)) != list(one.events)}
    if request.form.get("do") == "preview":
        each = PATIENCE / max(len(wanted), 1)
        reports = {
            place: ours().preview.destination(place, events=events, seconds=each) for place, events in wanted.items()
        }
        return _page(wanted, reports)
    for place, events in wanted.items():
        ours().destinations.update(place, events=events, actor=person().actor, why=request.form.get("why", ""))
    flash("Saved. It applies to every event from now on." if wanted else "Nothing was changed.", "good")
    return redirect(url_for("show.allow", _external=False, **_given()))


def _given() -> dict[str, str]:
    """What the page is narrowed to. What is not shown is not in the form either, and stays as it is."""
    return {name: value for name in ("name", "destination") if (value := request.args.get(name, "").strip())}


def _wanted(one: Destination) -> list[str]:
    """The list as ticked. A destination that takes all events is not changed here."""
    if ALL in one.events:
        return list(one.events)
    was, ticked = _keyed("was", one.id), _keyed("tick", one.id)
    kept = [name for name in one.events if name_key(name) not in was.keys() - ticked.keys()]
    there = was.keys() | {name_key(name) for name in kept}
    return [*kept, *(name for key, name in ticked.items() if key not in there)]


def _keyed(field: str, destination_id: int) -> dict[str, str]:
    """The names that one destination has in a field of the form, by their keys."""
    pairs = (value.partition(":") for value in request.form.getlist(field))
    return {name_key(name): name for place, _, name in pairs if place == str(destination_id)}


def _page(wanted: dict[int, list[str]], reports: dict[int, Report] | None = None) -> str:
    given, destinations = _given(), ours().destinations.list()
    stand = {one.id: {name_key(name) for name in one.events} for one in destinations}
    ticked = stand | {place: {name_key(name) for name in events} for place, events in wanted.items()}
    shown = [one for one in destinations if given.get("destination") in {None, str(one.id)}]
    named = [one for one in ours().allow.list() if one.name != ALL and (one.name == IDENTIFY or one.name[:1] != "$")]
    listed = [one for one in named if given.get("name", "").casefold() in one.name.casefold()]
    return render_template(
        "rules/allow.html", listed=[(one, name_key(one.name)) for one in listed[:_MOST]], shown=shown, given=given,
        ticked=ticked, stand=stand, every={one.id for one in destinations if ALL in one.events}, reports=reports,
        names={one.id: one.name for one in destinations}, more=max(len(listed) - _MOST, 0), destinations=destinations,
        places=[one for one in ours().destinations.ever() if not one.removed],
    )  # fmt: skip
