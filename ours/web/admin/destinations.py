"""Destinations. Secrets go in and never come out."""

from typing import Any

from marshmallow import Schema, fields, validate

from ours.clock import iso
from ours.errors import Invalid
from ours.services.actors import Actor
from ours.services.destinations import Destination
from ours.services.destinations.config import LIMITS
from ours.services.destinations.settings import without_secrets
from ours.web.admin.door import Json, body, endpoint, query
from ours.web.current import ours


class _Changes(Schema):
    name = fields.String()
    settings = fields.Dict(keys=fields.String())
    events = fields.List(fields.String())
    mapping = fields.Dict(keys=fields.String())
    cases = fields.List(fields.Dict(keys=fields.String()))
    sources = fields.List(fields.Integer(strict=True))
    category = fields.String()
    agreement = fields.String()
    limits = fields.Dict(keys=fields.String())
    why = fields.String()
    override = fields.String()


class _Changed(_Changes):
    seen = fields.Integer(strict=True, data_key="version")


class _New(_Changes):
    type = fields.String(required=True)
    name = fields.String(required=True)
    settings = fields.Dict(keys=fields.String(), required=True)
    events = fields.List(fields.String(), required=True)


class _Removal(Schema):
    pending = fields.String(load_default=None, validate=validate.OneOf(["stop", "deliver-first"]))


@endpoint("/destinations", "destinations:read")
def many(actor: Actor) -> Json:  # noqa: ARG001
    return [_shape(one) for one in ours().destinations.list()]


@endpoint("/destinations/<int:destination_id>", "destinations:read")
def one(destination_id: int, actor: Actor) -> Json:  # noqa: ARG001
    return _shape(ours().destinations.get(destination_id))


@endpoint("/destinations", "destinations:write", ["POST"], 201, reads="body")
def add(actor: Actor) -> Json:
    asked = body(_New())
    slug, name, settings = asked.pop("type"), asked.pop("name"), asked.pop("settings")
    return _shape(ours().destinations.add(slug, name, settings, **asked, actor=actor))


@endpoint("/destinations/<int:destination_id>", "destinations:write", ["PATCH"], reads="body")
def update(destination_id: int, actor: Actor) -> Json:
    """What is left out stays, and so does a secret left blank. With ``version``, only if that is still the newest."""
    return _shape(ours().destinations.update(destination_id, **body(_Changed()), actor=actor))


@endpoint("/destinations/<int:destination_id>/pause", "destinations:write", ["POST"])
def pause(destination_id: int, actor: Actor) -> Json:
    return _shape(ours().destinations.pause(destination_id, actor=actor))


@endpoint("/destinations/<int:destination_id>/resume", "destinations:write", ["POST"])
def resume(destination_id: int, actor: Actor) -> Json:
    return _shape(ours().destinations.resume(destination_id, actor=actor))


@endpoint("/destinations/<int:destination_id>/off", "destinations:write", ["POST"])
def off(destination_id: int, actor: Actor) -> Json:
    return _shape(ours().destinations.turn_off(destination_id, actor=actor))


@endpoint("/destinations/<int:destination_id>/on", "destinations:write", ["POST"])
def on(destination_id: int, actor: Actor) -> Json:
    return _shape(ours().destinations.turn_on(destination_id, actor=actor))


@endpoint("/destinations/<int:destination_id>", "destinations:write", ["DELETE"], reads="query")
def remove(destination_id: int, actor: Actor) -> Json:
    """Never in silence what it is still owed: that must be said, as on its page and on the command line."""
    pending, owed = query(_Removal())["pending"], ours().overview.waiting(ours().destinations.get(destination_id).id)
    if pending is None and (waiting := owed.open + owed.held):
        said = f"{waiting} dispatches wait or are held. Say what becomes of them: stop, or deliver-first."
        raise Invalid.at("pending", said)
    first = pending == "deliver-first"
    return _shape(ours().destinations.remove(destination_id, actor=actor, deliver_first=first))


def _shape(one: Destination) -> dict[str, Any]:
    told = {"id": one.id, "name": one.name, "type": one.slug, "status": one.status, "loaded": one.loaded}
    told |= {"pausedFor": one.paused_for, "leaving": one.leaving}
    carries = {
        "settings": without_secrets(one.settings_shown),
        "events": list(one.events),
        "mapping": dict(one.mapping),
        "cases": [dict(case) for case in one.cases],
        "sources": list(one.sources),
        "category": one.own_category,
        "agreement": one.agreement,
        "limits": {name: getattr(one.limits, name) for name in LIMITS},
    }
    carries |= {"unopened": one.unopened.words} if one.unopened else {}
    carries |= {"unfit": one.unfit.words} if one.unfit else {}
    return told | carries | {"version": one.version, "updatedAt": iso(one.updated_at)}
