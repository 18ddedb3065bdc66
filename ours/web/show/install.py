"""Install: a source's keys, and code to paste that sends with them."""

from flask import render_template, request

from ours.web.current import ours
from ours.web.show.door import page
from ours.web.show.snippets import snippets
from ours.web.show.sources import working_key


@page("/install", "viewer")
def install() -> str:
    """The test key's lines first: nobody should begin by sending for real."""
    sources = [source for source in ours().sources.list() if source.status == "active"]
    wanted = request.args.get("source", type=int)
    chosen = next((source for source in sources if source.id == wanted), sources[0] if sources else None)
    mode = "live" if request.args.get("mode") == "live" else "test"
    keys = ours().sources.keys(chosen.id) if chosen else ()
    made = {each: snippets(key) for each in ("live", "test") if (key := working_key(keys, each))}
    return render_template("install/install.html", sources=sources, chosen=chosen, mode=mode, made=made)
