"""Recent Events, and the page of one event: what came, whose it was, where it went and why."""

import hashlib
from collections.abc import Mapping, Sequence

import orjson
from flask import flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from ours import clock
from ours.core import subjects
from ours.services.overview import Event, read_cursor
from ours.services.overview.views import STATES, Page
from ours.web.current import ours
from ours.web.show.door import may, page, person
from ours.web.show.event_filters import MOST_EVENTS, asked
from ours.web.show.typed import as_typed

_ROWS = 50
_READING = "reading"
_NOBODY = (
    "No match. Identifiers must be complete; ids are case-sensitive, emails are not."
    " A distinctId is searched for only among the names of the latest events: for an older one, also give the Event."
    " To search an event's properties, use More filters: order_id=1234."
)
_TOO = 'Below are the events of the visitor with this id. It is also a distinctId: <a href="{}">see its events</a>.'
_MORE = f"Only the newest {MOST_EVENTS} with this distinctId are shown. To find others, also give the Event."
_OTHER_MODE = "There is a match, but not in this mode."


@page("/events", "viewer")
def events() -> str:
    return render_template(
        "events/events.html",
        sources=ours().sources.names(),
        destinations=ours().destinations.ever(),
        states=STATES,
        **_rows(),
    )


@page("/events/find", "viewer", ["POST"])
def find_events() -> ResponseReturnValue:
    """What names a person is posted and hashed at once: only the hash stands in the address that this leads to."""
    given, typed = asked().said, request.form.get("who", "").strip()
    if not typed:
        return _shown(given)
    found = ours().visitors.find(typed, actor=person().actor)
    if named := ours().overview.named(typed):
        event_id, dispatch_id = named
        return redirect(url_for("show.event", event_id=event_id, _anchor=dispatch_id and f"dispatch-{dispatch_id}"))
    events_too = _by_distinct_id(typed, given)
    others = {name: value for name, value in given.items() if name not in {"visitor", "id"}}
    if fitting := [one.id for one in found if given.get("mode") in {None, one.mode}]:
        if events_too:
            address = url_for("show.events", id=",".join(events_too))
            flash(Markup(_TOO).format(address), "good")  # noqa: S704 - ids alone are written into it
        return _shown(others | {"visitor": ",".join(fitting)})
    if len(events_too) == 1:
        return redirect(url_for("show.event", event_id=events_too[0]))
    if events_too:
        return _shown(others | {"id": ",".join(events_too)})
    flash(_OTHER_MODE if found else _NOBODY, "warn")
    return _shown(given)


def _by_distinct_id(typed: str, given: Mapping[str, str]) -> Sequence[str]:
    """It may be whose the event is, so that it was looked for is written down."""
    all_ = ours().overview.by_distinct_id(typed, given.get("name"), given.get("mode"), MOST_EVENTS + 1)
    found = all_[:MOST_EVENTS]
    if len(all_) > len(found):
        flash(_MORE, "warn")
    if found:
        ours().audit.note_found([subjects.event(one) for one in found], "distinctId", actor=person().actor)
    return found


def _shown(given: dict[str, str]) -> ResponseReturnValue:
    return redirect(url_for("show.events", _external=False, **given))


@page("/events/rows", "viewer")
def event_rows() -> ResponseReturnValue:
    """The rows alone, for the page's refreshing; 204 while they are what the page shows already."""
    found = _rows()
    return ("", 204) if request.args.get("seen") == found["seen"] else render_template("events/rows.html", **found)


def _rows() -> dict[str, object]:
    wanted = asked()
    cursor = read_cursor(request.args.get("after"), newer=True) or read_cursor(request.args.get("before"))
    found = ours().overview.recent_events(wanted.filters, cursor, _ROWS)
    first = cursor is None and not found.newer
    return {
        "page": found, "asked": wanted, "seen": _digest(found), "first": first,
        "before_ahead": _before_ahead(found) if first and wanted.filters.until is None else None,
    }  # fmt: skip


def _before_ahead(found: Page) -> str | None:
    """Where the newest have yet to occur, for a clock was ahead: a moment between now and then, as an address says it.
    What comes would else be seen on no first page until then."""
    now = clock.now_ms()
    newest = found.rows[0].occurred_at if found.rows else now
    return as_typed(clock.iso((now + newest) // 2)) if newest > now + clock.MINUTE else None


@page("/events/<event_id>", "viewer")
def event(event_id: str) -> str:
    found = ours().overview.event(event_id, clear=may("editor"))
    _note(found, anew=True)
    return render_template("events/event.html", event=found, seen=_digest(found.dispatches))


@page("/events/<event_id>/dispatches", "viewer")
def event_dispatches(event_id: str) -> ResponseReturnValue:
    """The dispatches alone, while some are still under way; 204 while nothing has changed."""
    found = ours().overview.event(event_id, clear=may("editor"))
    seen = _digest(found.dispatches)
    if request.args.get("seen") == seen:
        return "", 204
    _note(found)
    return render_template("events/dispatches.html", event=found, seen=seen)


def _note(shown: Event, *, anew: bool = False) -> None:
    """Write down who reads it in clear; a page that refreshes itself is no second reading, unless ``anew``."""
    if shown.clear and (anew or session.get(_READING) != shown.row.id):
        ours().audit.note_read(subjects.event(shown.row.id), actor=person().actor)
        session[_READING] = shown.row.id


def _digest(shown: object) -> str:
    return hashlib.blake2b(orjson.dumps(shown, default=repr), digest_size=8).hexdigest()
