"""A shorter way through a body that is certainly valid and needs no warning, compiled from the schemas themselves.

It reads only what was sent, by the very rules that the fields apply. At the least doubt it says nothing, and
``Schema.load`` reads the body from the start: all errors and all warnings are made there. Property tests prove that the
two never differ; ``docs/profiles.md`` says what it saves.
"""

from collections.abc import Callable, Mapping
from functools import singledispatch
from typing import Any

from marshmallow import Schema, ValidationError, fields

from ours.core import bags, emails, properties, timing
from ours.core.catalogues import NO_IDS
from ours.core.properties import WHITESPACE
from ours.errors import Invalid
from ours.web.ingest.fields import Anything, Bag, Email, Key, Moment, Properties, Reading, Rows, Text

Read = Callable[[Any, Reading], Any]


class Doubt(Exception):
    """This value needs the long way."""


class Swift:
    """``read`` a body as ``schema`` would, or not at all. ``sound``: whether the values are right as a whole, too."""

    def __init__(self, schema: Schema, sound: Callable[[dict[str, Any]], bool]) -> None:
        self._sound = sound
        self._readers = {field.data_key or name: (name, _checked(field)) for name, field in schema.fields.items()}
        self._required = {name for name, field in schema.fields.items() if field.required}

    def read(self, body: Mapping[str, Any], now: int) -> dict[str, Any] | None:
        """The values by attribute, without nulls; None where only the schema can tell."""
        reading, values, readers = Reading(now), dict[str, Any](), self._readers
        try:
            for key, value in body.items():
                name, read = readers[key]
                if value is not None:
                    values[name] = read(value, reading)
        except (Doubt, KeyError, Invalid, ValidationError):
            return None
        if reading.notices.all() or not values.keys() >= self._required or not self._sound(values):
            return None
        return values


def _checked(field: fields.Field[Any]) -> Read:
    """The field's reader, and what else it validates."""
    read, checks = _reader(field), field.validators
    if not checks:
        return read

    def read_and_check(value: Any, reading: Reading) -> Any:
        clean = read(value, reading)
        for check in checks:
            check(clean)
        return clean

    return read_and_check


@singledispatch
def _reader(field: fields.Field[Any]) -> Read:
    raise TypeError(f"{type(field).__name__} has no short way: say in swift.py how it is read")


@_reader.register(Key)
@_reader.register(Anything)
def _(_: fields.Field[Any]) -> Read:
    return _as_it_is


@_reader.register
def _(field: Text) -> Read:
    longest, refused = field.known.max_length or 0, NO_IDS if field.known.names else ()

    def read(value: Any, _: Reading) -> str:
        if type(value) is not str:
            raise Doubt
        clean: str = value.strip(WHITESPACE)
        if not 0 < len(clean) <= longest or clean in refused:
            raise Doubt
        return clean

    return read


@_reader.register
def _(field: Email) -> Read:
    text = _reader.dispatch(Text)(field)

    def read(value: Any, reading: Reading) -> str:
        address = text(value, reading)
        if not emails.ADDRESS.fullmatch(address):
            raise Doubt
        return emails.hashed(address)

    return read


@_reader.register
def _(_: Moment) -> Read:
    def read(value: Any, reading: Reading) -> int:
        moment, warning = timing.occurred_at(value, reading.now)
        if warning:
            raise Doubt
        return moment

    return read


@_reader.register
def _(field: Bag) -> Read:
    path = field.name or ""

    def read(value: Any, reading: Reading) -> dict[str, Any]:
        if type(value) is not dict:
            raise Doubt
        return bags.read(value, path, reading.notices)

    return read


@_reader.register
def _(field: Properties) -> Read:
    path, may_be_plain = field.name or "", not any(known.required for known in field.catalogue.values())

    def read(value: Any, reading: Reading) -> dict[str, Any]:
        if type(value) is not dict:
            raise Doubt
        if may_be_plain and properties.are_plain(value, field.catalogue):
            return value
        found = field.read(value, path, reading.notices)
        if found.problems:
            raise Doubt
        return found.values

    return read


@_reader.register
def _(_: Rows) -> Read:
    def read(value: Any, _: Reading) -> list[Any]:
        if type(value) is not list or not value:
            raise Doubt
        return value

    return read


def _as_it_is(value: Any, _: Reading) -> Any:
    return value
