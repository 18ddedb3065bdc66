"""Explain: what led to a dispatch, row by row, and where a field goes."""

from flask import render_template, request
from flask.typing import ResponseReturnValue

from ours.web.current import ours
from ours.web.show.door import page
from ours.web.show.mapping import PATHS


@page("/events/<event_id>/explain", "viewer")
def explain(event_id: str) -> ResponseReturnValue:
    event = ours().overview.event(event_id)
    chains = ours().explain.event(event_id)
    tries = {one.id: one.attempts[-1] for one in event.dispatches if one.id and one.attempts}
    whys = {one.id: one.why.words for one in event.dispatches if one.id and one.why}
    return render_template("explain/explain.html", event=event, chains=chains, tries=tries, whys=whys)


@page("/fields", "viewer")
def fields() -> str:
    path = request.args.get("path", "").strip()
    uses = ours().explain.field(path) if path else None
    return render_template("explain/fields.html", path=path, uses=uses, paths=PATHS)
