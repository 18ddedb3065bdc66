"""Dispatches: what never arrived and why; and sending again, one or all that a filter finds."""

from collections.abc import Mapping
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ours import clock
from ours.core.retry import TROUBLED, has_ended
from ours.errors import Invalid
from ours.services.replay import FAILED, Filter, why_not
from ours.web.current import ours
from ours.web.show.door import page, person
from ours.web.show.typed import MEANT, read_moment, sorted_out

AGES = {"1h": ("last hour", clock.HOUR), "24h": ("last 24 hours", clock.DAY), "7d": ("last 7 days", 7 * clock.DAY),
        "30d": ("last 30 days", 30 * clock.DAY)}  # fmt: skip
MOST_AT_ONCE = 10_000
_ROWS = 50
_NAMES = ("state", "destination", "reason", "mode", "age", "from", "to")
_MEANT = {**MEANT, "state": TROUBLED.__contains__, "age": AGES.__contains__}


@page("/dispatches", "viewer")
def dispatches() -> str:
    given, unmeant = _said(request.args)
    found = ours().overview.trouble(_filter(given), request.args.get("before"), _ROWS)
    places = ours().destinations.ever()
    gone = {one.id for one in places if one.removed}
    return render_template(
        "dispatches/dispatches.html",
        page=found,
        given=given,
        unmeant=unmeant,
        states=TROUBLED,
        ages=AGES,
        destinations=places,
        gone=gone,
        replayable=any(
            has_ended(cause.state, cause.reason) for cause in found.causes if cause.destination_id not in gone
        ),
    )


@page("/dispatches/replay", "editor", ["GET", "POST"])
def replay_many() -> ResponseReturnValue:
    """Says what would happen first; the form of that page does it."""
    given = _given(request.values)
    wanted = _filter(given, FAILED)
    if request.method == "GET":
        places = {one.id: one.shown for one in ours().destinations.ever()}
        preview = ours().replay.preview(wanted)
        return render_template(
            "dispatches/replay.html", given=given, wanted=wanted, preview=preview, most=MOST_AT_ONCE, ages=AGES,
            ambiguous=ours().confirming.count(wanted), seen=clock.now_ms(),
            place=places.get(wanted.destination_id or 0),
            barred=[(count, why_not(reason)) for reason, count in preview.barred.items()],
        )  # fmt: skip
    fresh_id = request.form.get("id") == "fresh"
    if request.form.get("pace") == "slow":
        begun = ours().paced_replays.start(wanted, actor=person().actor, fresh_id=fresh_id)
        flash(f"Replay {begun.id} has started.", "good")
        return redirect(url_for("show.replays"))
    done = ours().replay.many(wanted, actor=person().actor, limit=MOST_AT_ONCE, fresh_id=fresh_id)
    flash(f"Replayed: {done:,}." if done else "Nothing matches any longer, so nothing was replayed.", "good")
    return redirect(url_for("show.dispatches", _external=False, **given))


@page("/dispatches/<dispatch_id>", "viewer")
def dispatch(dispatch_id: str) -> ResponseReturnValue:
    """A dispatch is shown on its event's page."""
    return _its_event(dispatch_id)


@page("/dispatches/<dispatch_id>/replay", "editor", ["POST"])
def replay_dispatch(dispatch_id: str) -> ResponseReturnValue:
    made = ours().replay.one(dispatch_id, actor=person().actor)
    flash("Replayed. See the new dispatch.", "good")
    return _its_event(made)


@page("/dispatches/confirm", "editor", ["POST"])
def confirm_many() -> ResponseReturnValue:
    """``seen``: when the page was made that said how many there are."""
    given = _given(request.form)
    seen = min(request.form.get("seen", 0, type=int), clock.now_ms())
    done = ours().confirming.many(_filter(given, FAILED), seen=seen, actor=person().actor)
    flash(f"Confirmed: {done:,}." if done else "No match is ambiguous, so nothing was changed.", "good")
    return redirect(url_for("show.dispatches", _external=False, **given))


@page("/dispatches/<dispatch_id>/confirm", "editor", ["POST"])
def confirm_dispatch(dispatch_id: str) -> ResponseReturnValue:
    ours().confirming.one(dispatch_id, actor=person().actor)
    flash("Confirmed. It counts as delivered.", "good")
    return _its_event(dispatch_id)


@page("/events/<event_id>/send/<int:destination_id>", "editor", ["POST"])
def send_event_to(event_id: str, destination_id: int) -> ResponseReturnValue:
    """To a destination that the event has not been to, if its allow list names the event today."""
    return _its_event(ours().replay.event_to(event_id, destination_id, actor=person().actor))


def _its_event(dispatch_id: str) -> ResponseReturnValue:
    event_id = ours().overview.event_of(dispatch_id)
    return redirect(url_for("show.event", event_id=event_id, _anchor=f"dispatch-{dispatch_id}"))


def _given(values: Mapping[str, Any]) -> dict[str, str]:
    """What is to be done something with.

    :raises Invalid: for what means nothing: something would be done with more than was meant.
    """
    given, unmeant = _said(values)
    if unmeant:
        raise Invalid(
            f"“{next(iter(unmeant))}” has a value without meaning here. Filter again, then choose what to do."
        )
    return given


def _said(values: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    return sorted_out({name: value for name in _NAMES if (value := values.get(name, "").strip())}, _MEANT)


def _filter(given: Mapping[str, str], states: frozenset[str] = frozenset(TROUBLED)) -> Filter:
    age = AGES.get(given.get("age", ""))
    bounds = [read_moment(given.get("from")), clock.now_ms() - age[1] if age else None]
    return Filter(
        destination_id=int(given["destination"]) if "destination" in given else None,
        states=frozenset({given["state"]}) & states if "state" in given else states,
        reason=given.get("reason"),
        since=max((bound for bound in bounds if bound is not None), default=None),
        until=read_moment(given.get("to")),
        mode=given.get("mode"),
    )
