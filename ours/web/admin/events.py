"""Events, dispatches and the balance."""

from dataclasses import asdict

from marshmallow import Schema, fields, validate

from ours.core import subjects
from ours.services.actors import Actor
from ours.services.overview import Filters, read_cursor
from ours.web.admin.door import Json, body, endpoint, query
from ours.web.admin.paging import Paged, a_cursor, an_id
from ours.web.current import ours

_LARGEST_ID = 2**31 - 1


class _Wanted(Paged):
    before = fields.String(load_default=None, validate=a_cursor)
    name = fields.String(load_default=None)
    source = fields.Integer(load_default=None, validate=validate.Range(1, _LARGEST_ID))
    mode = fields.String(load_default=None, validate=validate.OneOf(["live", "test"]))
    visitor = fields.String(load_default=None, validate=an_id)


class _Replay(Schema):
    fresh_id = fields.Boolean(data_key="freshId", load_default=False)


@endpoint("/events", "events:read", reads="query")
def many(actor: Actor) -> Json:  # noqa: ARG001
    """A page, the newest first; ``before`` of one answer leads to the next."""
    asked = query(_Wanted())
    visitors = (asked["visitor"],) if asked["visitor"] else ()
    filters = Filters(name=asked["name"], source_id=asked["source"], mode=asked["mode"], visitors=visitors)
    page = ours().overview.recent_events(filters, read_cursor(asked["before"]), asked["limit"])
    return {"events": [one.document for one in page.rows], "before": page.older}


@endpoint("/events/<event_id>", "events:read")
def one(event_id: str, actor: Actor) -> Json:
    """All that it carries, in clear. The audit log keeps that it was read."""
    document = ours().overview.event_json(event_id)
    ours().audit.note_read(subjects.event(event_id), actor=actor)
    return document


@endpoint("/dispatches/<dispatch_id>", "events:read")
def dispatch(dispatch_id: str, actor: Actor) -> Json:
    """With each of its attempts. The audit log keeps that it was read."""
    document = ours().overview.dispatch_json(dispatch_id)
    ours().audit.note_read(subjects.dispatch(dispatch_id), actor=actor)
    return document


@endpoint("/dispatches/<dispatch_id>/replay", "dispatches:replay", ["POST"], reads="body")
def replay(dispatch_id: str, actor: Actor) -> Json:
    fresh_id = body(_Replay(), optional=True)["fresh_id"]
    return {"id": ours().replay.one(dispatch_id, actor=actor, fresh_id=fresh_id)}


@endpoint("/dispatches/<dispatch_id>/confirm", "dispatches:replay", ["POST"])
def confirm(dispatch_id: str, actor: Actor) -> Json:
    """Somebody saw at the destination that it arrived."""
    ours().confirming.one(dispatch_id, actor=actor)
    return {"id": dispatch_id, "status": "delivered"}


@endpoint("/balance", "balance:read")
def balance(actor: Actor) -> Json:  # noqa: ARG001
    figures = ours().overview.balance()
    return asdict(figures) | {"difference": figures.difference}
