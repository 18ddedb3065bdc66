"""Writes the ingest schemas down as JSON Schema, from the very fields that validate, so that the two can't differ.

Programs make clients of it, and most of them read no more of JSON Schema than a type language knows: a field of two
types becomes a class of its own, and an ``anyOf`` beside fields takes their place. So each field has one type, that
which a backend should send. What else is read (a number for a text, anything as ``time``) is said in words.
"""

import re
from functools import singledispatch
from typing import Any

from marshmallow import Schema, fields

from ours.core import bags
from ours.core.catalogues import NO_IDS, Catalogue, Known
from ours.web.ingest.fields import Anything, Bag, Moment, Properties, Rows, Said, Text
from ours.web.ingest.schemas import Person

Shape = dict[str, Any]
_NAMED = (
    "At least one of `userId`, `externalId` and `email` must be there, or of `email`, `external_id` and `phone_number`"
    " in `userProperties`."
)


def of_schema(schema: Schema) -> Shape:
    """One body: its fields and the required ones. That an identifier must be there is said in words."""
    about = [(type(schema).__doc__ or "").replace("``", "`").strip(), _NAMED if isinstance(schema, Person) else ""]
    shape: Shape = {
        "type": "object",
        "description": " ".join(filter(None, about)),
        "properties": {field.data_key or name: _described(field) for name, field in schema.fields.items()},
        "additionalProperties": True,
    }
    if required := [field.data_key for field in schema.fields.values() if field.required]:
        shape["required"] = required
    return shape


def of_catalogue(catalogue: Catalogue) -> Shape:
    shape: Shape = {
        "type": "object",
        "properties": {name: _known(known) for name, known in catalogue.items()},
        "additionalProperties": True,
    }
    required = [name for name, known in catalogue.items() if known.required]
    return shape | {"required": required} if required else shape


def reference(name: str) -> Shape:
    return {"$ref": f"#/components/schemas/{component(name)}"}


def component(name: str) -> str:
    """``userProperties`` → ``UserProperties``."""
    return name[0].upper() + name[1:]


def _described(field: fields.Field[Any]) -> Shape:
    """The field's own sentences come before those that its shape has."""
    shape = _shape(field)
    about = [field.metadata["description"], shape.get("description")]
    return shape | {"description": " ".join(filter(None, about))}


@singledispatch
def _shape(field: fields.Field[Any]) -> Shape:
    raise TypeError(f"{type(field).__name__} has no shape: say in shapes.py how the contract writes it down")


@_shape.register
def _(field: Text) -> Shape:
    return _nullable(field, _text(field.known) | {"minLength": 1, "pattern": r"\S"})


@_shape.register
def _(_: Anything) -> Shape:
    return {}


@_shape.register
def _(_: Moment) -> Shape:
    about = "What is older counts as 7 days ago, and what is no such number as now; all but null with a warning."
    return {"type": ["integer", "null"], "format": "int64", "examples": [1754874909594], "description": about}


@_shape.register
def _(field: Bag) -> Shape:
    return _nullable(field, _bag())


@_shape.register
def _(field: Properties) -> Shape:
    shape = reference(field.data_key or "")
    return shape if field.required else {"anyOf": [shape, {"type": "null"}]}


@_shape.register
def _(_: Rows) -> Shape:
    return {"type": "array", "minItems": 1, "items": reference("row")}


def _known(known: Known) -> Shape:
    match known.kind:
        case "text":
            return _text(known) if known.required else _or_null(_text(known))
        case "object":
            return _or_null(_bag())
        case "number":
            return _or_null({"type": ["number"], "format": "double"})
        case "any":
            return {}
        case kind:
            return _or_null({"type": [kind]})


_WORDS = "|".join(re.sub(r"[()\[\]]", r"\\\g<0>", word) for word in sorted(NO_IDS))
_NO_ID: Shape = {"type": "string", "pattern": rf"^\s*({_WORDS})\s*$"}


def _text(known: Known) -> Shape:
    shape: Shape = {"type": ["string"]}
    if known.coerce:
        shape["description"] = "A number is read as text."
    if known.names:
        shape["not"] = _NO_ID
    return shape if known.max_length is None else shape | {"maxLength": known.max_length}


def _bag() -> Shape:
    return {
        "type": ["object"],
        "additionalProperties": True,
        "description": f"At most {bags.MOST_KEYS} properties and {bags.MOST_LEVELS} levels of objects.",
    }


def _nullable(field: Said[Any], shape: Shape) -> Shape:
    return shape if field.required else _or_null(shape)


def _or_null(shape: Shape) -> Shape:
    return shape | {"type": [*shape["type"], "null"]}
