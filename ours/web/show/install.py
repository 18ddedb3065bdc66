"""Install: a source's keys, and code to paste that sends with them."""

from flask import render_template, request
from flask.typing import ResponseReturnValue

from ours.services.overview import Filters, Row
from ours.services.sources import working_key
from ours.web.current import ours
from ours.web.show.door import page
from ours.web.show.snippets import sees_whole, snippets


@page("/install", "viewer")
def install() -> str:
    """The test key's lines first: nobody should begin by sending for real."""
    sources = [source for source in ours().sources.list() if source.status == "active"]
    wanted = request.args.get("source", type=int)
    chosen = next((source for source in sources if source.id == wanted), sources[0] if sources else None)
    mode = "live" if request.args.get("mode") == "live" else "test"
    keys = ours().sources.keys(chosen.id) if chosen else ()
    whole = chosen is not None and sees_whole(chosen.id)
    made = {each: snippets(key, whole=whole) for each in ("live", "test") if (key := working_key(keys, each))}
    return render_template(
        "install/install.html",
        sources=sources,
        chosen=chosen,
        mode=mode,
        made=made,
        whole=whole,
        first=_latest(chosen.id, mode) if chosen else None,
    )


@page("/install/<int:source_id>/<mode>/first", "viewer")
def first_event(source_id: int, mode: str) -> ResponseReturnValue:
    """The part of the page that waits for an event; 204 while none has come."""
    found = _latest(source_id, mode)
    if found is None:
        return "", 204
    return render_template("install/first.html", chosen=ours().sources.get(source_id), mode=mode, first=found)


def _latest(source_id: int, mode: str) -> Row | None:
    rows = ours().overview.recent_events(Filters(source_id=source_id, mode=mode), limit=1).rows
    return rows[0] if rows else None
