"""Destinations: the catalogue, one's form as its plugin asks for it, and what may be done to one."""

from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ours import clock
from ours.core.agreements import AGREEMENTS, CATEGORIES
from ours.core.reasons import describe
from ours.core.retry import TROUBLED
from ours.errors import Invalid, OursError
from ours.plugin import Destination as Plugin
from ours.plugin import describe_settings
from ours.services.destinations import Destination
from ours.services.destinations.config import Config, newly_exposed
from ours.services.destinations.mapping import withheld
from ours.services.preview import PATIENCE, Report
from ours.web.current import ours
from ours.web.show import destination_form as forms
from ours.web.show import mapping_form
from ours.web.show.door import page, person
from ours.web.show.plugins import by_label
from ours.web.show.probe import send_test_event
from ours.web.show.removed import removal, still_there
from ours.web.show.verbs import DESTINATION, DESTINATION_OFFERS

_GLANCE = 1.0
"""Seconds that trying events may add to a page that merely asks whether it is meant."""


@page("/destinations", "viewer")
def destinations() -> str:
    here = ours()
    return render_template(
        "destinations/destinations.html", destinations=here.destinations.list(), standing=here.overview.lately()
    )


@page("/destinations/add", "editor")
def catalogue() -> str:
    registry = ours().registry
    return render_template(
        "destinations/catalogue.html", loaded=by_label(), absent=registry.uninstalled + registry.set_aside
    )


@page("/destinations/add/<slug>", "editor", ["GET", "POST"])
def add_destination(slug: str) -> ResponseReturnValue:
    plugin = ours().registry.plugin(slug) or abort(
        404, f"There is no plugin “{slug}”. See the list of plugins for the reason."
    )
    if request.method == "GET":
        return _form(plugin, forms.blank(plugin), {})
    typed = forms.read(request.form, describe_settings(plugin))
    try:
        made = ours().destinations.add(slug, **typed.given, mapping=typed.mapping, **typed.words, actor=person().actor)
    except Invalid as error:
        return _form(plugin, typed, error.errors), 400
    flash(f"{made.name} was added, and is on. Send a test event to see what would be sent.", "good")
    return redirect(url_for("show.destination", destination_id=made.id))


@page("/destinations/<int:destination_id>", "viewer", ["GET"])
def destination(destination_id: int) -> str:
    found = ours().destinations.get(destination_id)
    plugin, standing = ours().registry.plugin(found.slug), ours().overview.lately()
    return render_template(
        "destinations/destination.html",
        destination=found,
        removal=removal(found),
        paused_for=describe(found.paused_for) if found.paused_for else None,
        plugin=plugin,
        infos=describe_settings(plugin) if plugin else (),
        own_lines=mapping_form.shown(found.mapping),
        standing=standing,
        health=standing.health[destination_id],
        oldest=ours().overview.oldest_waiting(destination_id),
        failed=ours().overview.failed_tries(destination_id),
        unseen=ours().allow.unseen(found.events),
        listed_as_trouble=TROUBLED,
        sources={one.id: one.name for one in ours().sources.names()},
        verbs=[DESTINATION[name] for name in DESTINATION_OFFERS.get(found.status, ())],
        rests=found.rests_until is not None and found.rests_until > clock.now_ms(),
        **(
            mapping_form.of_plugin(plugin) | {"held": withheld(plugin, found.category, found.mapping)} if plugin else {}
        ),
    )


@page("/destinations/<int:destination_id>/edit", "editor", ["GET", "POST"])
def edit_destination(destination_id: int) -> ResponseReturnValue:
    found = still_there(destination_id)
    plugin = ours().registry.plugin(found.slug)
    if plugin is None:
        abort(404, "Its plugin is not loaded, so its settings are not known.")
    if found.unopened:
        abort(409, f"Its settings: {found.unopened.words} {found.unopened.remedy}")
    if request.method == "GET":
        return _form(plugin, forms.of(found), {}, found)
    typed = forms.read(request.form, describe_settings(plugin))
    try:
        given, seen = typed.given, request.form.get("seen", type=int)
        if request.form.get("do") == "preview":
            report = ours().preview.destination(destination_id, seconds=PATIENCE, **given)
            return _form(plugin, typed, {}, found, report=report)
        ours().destinations.update(destination_id, **given, **typed.words, actor=person().actor, seen=seen)
    except Invalid as error:
        return _form(plugin, typed, error.errors, found), 400
    flash("Saved. It applies to everything sent from now on.", "good")
    return redirect(url_for("show.destination", destination_id=destination_id))


@page("/destinations/<int:destination_id>/test", "editor", ["POST"])
def test_destination(destination_id: int) -> ResponseReturnValue:
    """A test event like any other: it goes the whole road, and the sink keeps what would have been sent."""
    still_there(destination_id)
    receipt = send_test_event(request.form.get("event", ""))
    return redirect(url_for("show.event", event_id=receipt.event_id))


@page("/destinations/<int:destination_id>/<verb>", "editor", ["GET", "POST"])
def change_destination(destination_id: int, verb: str) -> ResponseReturnValue:
    found = still_there(destination_id)
    change = DESTINATION.get(verb) or abort(404)
    health = ours().overview.waiting(destination_id)
    unsaid = verb == "remove" and bool(health.open or health.held) and "pending" not in request.form
    if request.method == "GET" or unsaid:
        report = _follows(found) if change.shown and found.status == "off" else None
        page = render_template(
            "destinations/confirm.html", destination=found, verb=change, health=health, report=report
        )
        return page, 400 if request.method == "POST" else 200
    if verb == "remove" and request.form.get("pending") == "deliver-first":
        ours().destinations.remove(destination_id, actor=person().actor, deliver_first=True)
        flash(f"{found.name} takes no new events. It is removed as soon as what waits is delivered.", "good")
        return redirect(url_for("show.destination", destination_id=destination_id))
    change.act(ours().destinations, destination_id, actor=person().actor)
    flash(f"{found.name} {change.done}", "good")
    if verb == "remove":
        return redirect(url_for("show.destinations"))
    return redirect(url_for("show.destination", destination_id=destination_id))


def _follows(found: Destination) -> Report | None:
    """What would leave for one that is off if it were on; None where nothing can be built."""
    try:
        return ours().preview.turning_on(found.id, seconds=_GLANCE)
    except OursError:
        return None


def _form(
    plugin: Plugin, typed: forms.Typed, errors: Any, found: Destination | None = None, report: Report | None = None
) -> str:
    infos, fresh = describe_settings(plugin), Config(name="", settings={}, events=(), mapping={})
    return render_template(
        "destinations/form.html", plugin=plugin, infos=infos, typed=typed, errors=errors, found=found, report=report,
        exposed=() if found else newly_exposed(plugin, None, fresh),
        sources=ours().sources.list(), categories=CATEGORIES, agreements=AGREEMENTS,
        **mapping_form.of_plugin(plugin),
    )  # fmt: skip
