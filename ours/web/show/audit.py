"""The audit log: who changed what, and who read personal data, and when."""

from flask import render_template, request

from ours.services.audit import Filter
from ours.services.overview import is_id
from ours.web.current import ours
from ours.web.show.door import page

_ENTRIES = 50
_GIVEN = ("actor", "verb", "subject")


@page("/audit", "viewer")
def audit() -> str:
    before = request.args.get("before", "")
    given = {name: value for name in _GIVEN if (value := request.args.get(name, "").strip())}
    found = ours().audit.list(_ENTRIES + 1, before if is_id(before) else None, Filter(**given))
    entries = found[:_ENTRIES]
    older = entries[-1].id if len(found) > _ENTRIES else None
    return render_template("audit/audit.html", entries=entries, older=older, first=not before, given=given)
