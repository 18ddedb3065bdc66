"""Its validation: one nested marshmallow schema with every field of the contract."""

from collections.abc import Callable
from typing import Any

from marshmallow import INCLUDE, Schema, fields, validate

from ours.core.catalogues import DEFAULT_PROPERTIES, IDENTITY_CONTEXT, USER_PROPERTIES, Catalogue, Known

_MAKE: dict[str, Callable[[Known], fields.Field[Any]]] = {
    "text": lambda known: fields.String(allow_none=True, validate=validate.Length(max=known.max_length)),
    "number": lambda _: fields.Float(allow_none=True),
    "boolean": lambda _: fields.Boolean(allow_none=True),
    "object": lambda _: fields.Dict(allow_none=True),
    "any": lambda _: fields.Raw(allow_none=True),
}


class Open(Schema):
    class Meta:
        unknown = INCLUDE


def _nested(catalogue: Catalogue) -> fields.Nested:
    named = {name: _MAKE[known.kind](known) for name, known in catalogue.items()}
    return fields.Nested(Open.from_dict(named), allow_none=True)


def _text(longest: int, *, required: bool = False) -> fields.String:
    return fields.String(required=required, allow_none=not required, validate=validate.Length(min=1, max=longest))


Row = Open.from_dict(
    {
        "event": _text(1000, required=True),
        "distinctId": _text(400, required=True),
        "userId": _text(400, required=True),
        "externalId": _text(400),
        "email": _text(1000),
        "time": fields.Float(allow_none=True),
        "eventProperties": fields.Dict(keys=fields.String(), allow_none=True),
        "userProperties": _nested(USER_PROPERTIES),
        "defaultProperties": _nested(DEFAULT_PROPERTIES),
        "identityContext": _nested(IDENTITY_CONTEXT),
    },
    name="Row",
)


class Track(Row):  # type: ignore[valid-type,misc]  # made above
    token = fields.String(required=True)


class Batch(Open):
    token = fields.String(required=True)
    events = fields.List(fields.Nested(Row), required=True, validate=validate.Length(min=1, max=1000))
