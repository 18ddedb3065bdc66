"""Recent Events, and the page of one event: what came, whose it was, where it went and why."""

import hashlib

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ours.services.overview import Filters, is_id, read_cursor
from ours.web.current import ours
from ours.web.show.door import may, page

_ROWS = 50


@page("/events", "viewer")
def events() -> str:
    return render_template("events/events.html", sources=ours().sources.list(), **_rows())


@page("/events/rows", "viewer")
def event_rows() -> ResponseReturnValue:
    """The rows alone, for the page's refreshing; 204 while they are what the page shows already."""
    found = _rows()
    return ("", 204) if request.args.get("seen") == found["seen"] else render_template("events/rows.html", **found)


def _rows() -> dict[str, object]:
    filters = _filters()
    cursor = read_cursor(request.args.get("after"), newer=True) or read_cursor(request.args.get("before"))
    found = ours().overview.recent_events(filters, cursor, _ROWS)
    given = {name: value for name in ("name", "source", "mode", "visitor") if (value := request.args.get(name))}
    return {"page": found, "given": given, "seen": _digest(found), "narrowed": bool(given), "filters": filters}


def _filters() -> Filters:
    mode = request.args.get("mode")
    return Filters(
        name=request.args.get("name", "").strip() or None,
        source_id=request.args.get("source", type=int),
        mode=mode if mode in {"live", "test"} else None,
        visitor_id=visitor if is_id(visitor := request.args.get("visitor", "")) else None,
    )


@page("/events/<event_id>", "viewer")
def event(event_id: str) -> str:
    found = ours().overview.event(event_id, clear=may("editor"))
    return render_template("events/event.html", event=found, seen=_digest(found.dispatches))


@page("/events/<event_id>/dispatches", "viewer")
def event_dispatches(event_id: str) -> ResponseReturnValue:
    """The dispatches alone, while some are still under way; 204 while nothing has changed."""
    found = ours().overview.event(event_id, clear=may("editor"))
    seen = _digest(found.dispatches)
    if request.args.get("seen") == seen:
        return "", 204
    return render_template("events/dispatches.html", event=found, seen=seen)


@page("/dispatches/<dispatch_id>", "viewer")
def dispatch(dispatch_id: str) -> ResponseReturnValue:
    """A dispatch is shown on its event's page."""
    event_id = ours().overview.event_of(dispatch_id)
    return redirect(url_for("show.event", event_id=event_id, _anchor=f"dispatch-{dispatch_id}"))


def _digest(shown: object) -> str:
    return hashlib.blake2b(repr(shown).encode(), digest_size=8).hexdigest()
