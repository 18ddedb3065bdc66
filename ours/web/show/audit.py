"""The audit log: who changed what, and when."""

from flask import render_template, request

from ours.services.overview import is_id
from ours.web.current import ours
from ours.web.show.door import page

_ENTRIES = 50


@page("/audit", "viewer")
def audit() -> str:
    before = request.args.get("before", "")
    found = ours().audit.list(_ENTRIES + 1, before if is_id(before) else None)
    entries = found[:_ENTRIES]
    older = entries[-1].id if len(found) > _ENTRIES else None
    return render_template("audit/audit.html", entries=entries, older=older, first=not before)
