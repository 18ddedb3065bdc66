"""Sources and their keys."""

from marshmallow import Schema, fields, validate

from ours.services.actors import Actor
from ours.services.sources import LONGEST_OVERLAP, MODES
from ours.web.admin.door import Json, body, endpoint
from ours.web.current import ours


class _New(Schema):
    name = fields.String(required=True)


class _Rotation(Schema):
    mode = fields.String(required=True, validate=validate.OneOf(MODES))
    overlap_seconds = fields.Integer(
        data_key="overlapSeconds", load_default=86_400, strict=True, validate=validate.Range(0, LONGEST_OVERLAP)
    )


@endpoint("/sources", "sources:read")
def many(actor: Actor) -> Json:  # noqa: ARG001
    return [one.document for one in ours().sources.list()]


@endpoint("/sources/<int:source_id>", "sources:read")
def one(source_id: int, actor: Actor) -> Json:  # noqa: ARG001
    return ours().sources.get(source_id).document


@endpoint("/sources/<int:source_id>/refusals", "sources:read")
def refusals(source_id: int, actor: Actor) -> Json:  # noqa: ARG001
    return [one.document for one in ours().sources.refusals(source_id)]


@endpoint("/sources", "sources:write", ["POST"], 201, reads="body")
def add(actor: Actor) -> Json:
    """Answers both keys: a program that adds a source has to tell its backend."""
    made = ours().sources.add(body(_New())["name"], actor=actor)
    return made.source.document | {"key": made.live_key, "testKey": made.test_key}


@endpoint("/sources/<int:source_id>/activate", "sources:write", ["POST"])
def activate(source_id: int, actor: Actor) -> Json:
    return ours().sources.activate(source_id, actor=actor).document


@endpoint("/sources/<int:source_id>/deactivate", "sources:write", ["POST"])
def deactivate(source_id: int, actor: Actor) -> Json:
    return ours().sources.deactivate(source_id, actor=actor).document


@endpoint("/sources/<int:source_id>", "sources:write", ["DELETE"])
def delete(source_id: int, actor: Actor) -> Json:
    return ours().sources.delete(source_id, actor=actor).document


@endpoint("/sources/<int:source_id>/rotate", "sources:write", ["POST"], reads="body")
def rotate(source_id: int, actor: Actor) -> Json:
    asked = body(_Rotation())
    key = ours().sources.rotate(source_id, asked["mode"], asked["overlap_seconds"], actor=actor)
    return {"id": source_id, "mode": asked["mode"], "key": key}
