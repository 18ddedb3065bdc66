"""Visitors: found by a body, so that what names them stands in no address and in no log of a proxy."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from marshmallow import Schema, fields, validate

from ours.clock import iso
from ours.core.piecewise import pieces
from ours.services.actors import Actor
from ours.services.visitors import KINDS, Profile
from ours.web.admin.door import Json, body, endpoint
from ours.web.current import ours


class _Wanted(Schema):
    identifier = fields.String(required=True)
    kind = fields.String(load_default=None, validate=validate.OneOf([*KINDS]))


@endpoint("/visitors/find", "visitors:read", ["POST"], reads="body")
def find(actor: Actor) -> Json:
    """The audit log keeps that somebody was looked for and found, and by what kind of name."""
    asked = body(_Wanted())
    found = ours().visitors.find(asked["identifier"], asked["kind"], actor=actor)
    return [{"id": one.id, "mode": one.mode, "foundBy": one.kind} for one in found]


@endpoint("/visitors/<visitor_id>", "visitors:read")
def one(visitor_id: str, actor: Actor) -> Json:
    return _profile(ours().visitors.show(visitor_id, actor=actor))


@endpoint("/visitors/<visitor_id>/export", "visitors:export", ["POST"])
def export(visitor_id: str, actor: Actor) -> bytes:
    return ours().visitors.export_in_one_piece(visitor_id, _written, actor=actor)


@endpoint("/visitors/<visitor_id>/forget", "visitors:forget", ["POST"])
def forget(visitor_id: str, actor: Actor) -> Json:
    return ours().visitors.forget(visitor_id, actor=actor).document


def _written(document: Mapping[str, Any]) -> Iterator[str]:
    return pieces(document, lambda one: orjson.dumps(one).decode(), line="")


def _profile(one: Profile) -> Mapping[str, Any]:
    named = [{"kind": each.kind, "value": each.value, "attachedAt": iso(each.attached_at)} for each in one.identifiers]
    merged = [{"id": visitor_id, "visitorId": name} for visitor_id, name in one.merged]
    moments = {"createdAt": iso(one.created_at), "seenAt": iso(one.seen_at)}
    told = {"id": one.id, "mode": one.mode, "visitorId": one.public_id, **moments, "identifiers": named}
    why = {"unopened": one.unopened.words} if one.unopened else {}
    return told | why | {"mergedFrom": merged, "properties": dict(one.properties)}
