"""The audit log: who changed what, and who read personal data, and when."""

from typing import Any

from flask import render_template, request, url_for

from ours.core import subjects
from ours.core.deeds import VERBS
from ours.ids import is_id
from ours.services.audit import Entry, Filter
from ours.web.current import ours
from ours.web.show.door import page
from ours.web.show.typed import read_moment, read_number, sorted_out

_ENTRIES = 50
_GIVEN = ("actor", "verb", "subject", "from", "to")
_PAGES = {"source": read_number, "destination": read_number, "event": is_id, "dispatch": is_id, "visitor": is_id}
_LISTS = {"person": "show.people", "token": "show.tokens", "replay": "show.replays", "governance": "show.governance",
          "dispatches": "show.dispatches"}  # fmt: skip


@page("/audit", "admin")
def audit() -> str:
    before = request.args.get("before", "")
    given, unmeant = sorted_out({name: value for name in _GIVEN if (value := request.args.get(name, "").strip())})
    wanted = Filter(
        given.get("actor"),
        given.get("verb"),
        given.get("subject"),
        read_moment(given.get("from")),
        read_moment(given.get("to")),
    )
    found = ours().audit.list(_ENTRIES + 1, before if is_id(before) else None, wanted)
    entries = [(entry, _address(entry)) for entry in found[:_ENTRIES]]
    older = found[_ENTRIES - 1].id if len(found) > _ENTRIES else None
    verbs = sorted({*VERBS, *([wanted.verb] if wanted.verb else [])})
    return render_template(
        "audit/audit.html", entries=entries, older=older, first=not before, given=given, unmeant=unmeant, wanted=wanted,
        verbs=verbs, names=_names(),
    )  # fmt: skip


def _names() -> dict[str, str]:
    """What sources and destinations are called today, by subject."""
    sources = {subjects.source(one.id): one.name for one in ours().sources.names()}
    return sources | {subjects.destination(one.id): one.shown for one in ours().destinations.ever()}


def _address(entry: Entry) -> str | None:
    """Where what the entry is about has its page, or stands in a list; None: nowhere."""
    kind, key = subjects.read(entry.subject)
    if kind in _PAGES and _PAGES[kind](key):
        values: dict[str, Any] = {f"{kind}_id": key}
        return url_for(f"show.{kind}", **values)
    return url_for(_LISTS[kind]) if kind in _LISTS else None
