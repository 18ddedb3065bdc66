"""The part of the contract that asks what validates the settings: marshmallow hears an exception, and no answer."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from marshmallow import Schema, fields, validate
from marshmallow.decorators import VALIDATES, VALIDATES_SCHEMA

from ours import timebox
from ours.plugin.testing.examined import Examined
from ours.plugin.testing.exchange import expect
from ours.plugin.testing.hostile import hostile_values
from ours.plugin.testing.watching import sealed

_Asked = tuple[str, Callable[[Any], object]]
_VALUES = [value for value in hostile_values() if not isinstance(value, bool)]


class ValidatorChecks(Examined):
    def test_what_validates_a_setting_raises(self) -> None:
        given, schema = self._loaded(), self.destination.Settings()
        asked = [*_of_fields(schema), *_of_schema(schema, given)]
        found = [(name, value) for name, ask in asked for value in _VALUES if _says_no(ask, value)]
        name, value = found[0] if found else ("", None)
        expect(
            not found,
            f"{name} returned False for {value!r:.60}, and the value is taken all the same: marshmallow 4 hears nothing"
            " but a ValidationError, so raise one.",
        )


def _says_no(ask: Callable[[Any], object], value: object) -> bool:
    said: object = None
    with suppress(Exception, timebox.TooLong), timebox.armed(), sealed():
        said = timebox.limited(partial(ask, value))
    return said is False


def _of_fields(schema: Schema) -> Iterator[_Asked]:
    for name, field in schema.load_fields.items():
        for one in _in_field(field):
            for check in one.validators:
                yield from ((f"The validator of the setting {name}", ask) for ask in _own(check))


def _in_field(field: Any) -> Iterator[fields.Field[Any]]:
    """The field, and those of what is inside of it."""
    yield field
    match field:
        case fields.List():
            yield from _in_field(field.inner)
        case fields.Mapping():
            yield from (one for one in (field.key_field, field.value_field) if one)
        case fields.Tuple():
            yield from field.tuple_fields


def _own(check: Any) -> Iterator[Callable[[Any], object]]:
    """Those of marshmallow return what they are given."""
    if isinstance(check, validate.And):
        for one in check.validators:
            yield from _own(one)
    elif not type(check).__module__.startswith("marshmallow"):
        yield check


def _of_schema(schema: Schema, given: dict[str, Any]) -> Iterator[_Asked]:
    """What is marked with ``@validates`` and ``@validates_schema``; the latter is asked with one odd setting each."""
    for name in dir(schema):
        hooks = getattr(getattr(schema, name, None), "__marshmallow_hook__", None) or {}
        if VALIDATES in hooks:
            yield name, partial(getattr(schema, name), data_key=name)
        if VALIDATES_SCHEMA in hooks:
            yield from ((name, partial(_laid_over, getattr(schema, name), given, one)) for one in schema.load_fields)


def _laid_over(check: Callable[..., object], given: dict[str, Any], name: str, value: object) -> object:
    return check({**given, name: value}, many=False, partial=None, unknown=None)
