"""A destination that was removed: it stays readable, says who removed it and when, and offers nothing any more."""

from flask import abort, redirect, url_for

from ours.core import subjects
from ours.services.audit import Entry
from ours.services.destinations import Destination
from ours.web.current import ours


def still_there(destination_id: int) -> Destination:
    """One that can be changed; where it was removed, the answer is its page, which says so."""
    found = ours().destinations.get(destination_id)
    if found.status == "removed":
        abort(redirect(url_for("show.destination", destination_id=destination_id)))
    return found


def removal(found: Destination) -> Entry | None:
    """Who removed it, and when; None when it is there, or retention has taken the entry away."""
    if found.status != "removed":
        return None
    return ours().audit.latest("remove", subjects.destination(found.id))
