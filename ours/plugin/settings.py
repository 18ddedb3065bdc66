"""What forms, the command line and the docs need to know of a destination's ``Settings``, and the road in and out."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from marshmallow import Schema, fields, missing, validate

from ours.plugin.destination import Destination
from ours.plugin.inputs import Headers, Secret
from ours.plugin.types import SecretValue

Kind = Literal["text", "secret", "url", "number", "boolean", "choice", "headers", "json"]
_KINDS: tuple[tuple[type[fields.Field[Any]], Kind], ...] = (
    (Secret, "secret"),
    (Headers, "headers"),
    (fields.Url, "url"),
    (fields.Number, "number"),
    (fields.Boolean, "boolean"),
    (fields.Dict, "json"),
    (fields.List, "json"),
    (fields.Nested, "json"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingInfo:
    """One setting, as a person is asked for it. ``choices`` is empty where anything may be said.

    ``address``: it says to which server the secrets go. ``long``: a text of several lines.
    """

    name: str
    label: str
    help: str
    required: bool
    secret: bool
    kind: Kind
    default: Any = None
    choices: tuple[Any, ...] = ()
    example: str = ""
    address: bool = False
    long: bool = False


def describe_settings(plugin: Destination | type[Destination]) -> list[SettingInfo]:
    """Every setting of a destination, in the order in which its author wrote them."""
    return [_describe(name, field) for name, field in plugin.Settings().load_fields.items()]


def load_settings(plugin: Destination | type[Destination], raw: Mapping[str, Any]) -> dict[str, Any]:
    """What was typed or unsealed → the values that ``build`` sees. An empty text counts as not given.

    Space around a text, which a paste brings along, is dropped. What is nothing but space stays: it may be a separator.
    Where a setting is a list or an object, a text is read as JSON.

    :raises marshmallow.ValidationError: naming every wrong setting.
    """
    schema = _schema(plugin.Settings)
    structured = {field.data_key or name for name, field in schema.load_fields.items() if _kind_of(field) == "json"}
    given = {
        name: _parsed(value) if name in structured else _trimmed(value) for name, value in raw.items() if value != ""
    }
    values: dict[str, Any] = schema.load(given)
    return values


def dump_settings(plugin: Destination | type[Destination], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as JSON can carry them, secrets in clear: for sealing, and for nothing else."""
    raw: dict[str, Any] = _schema(plugin.Settings).dump(values)
    return raw


def secrets_of(values: Any) -> list[str]:
    """Every secret inside ``values``, however deep, in clear: what must be masked wherever it turns up."""
    if isinstance(values, SecretValue):
        return [values.reveal()] if values.reveal() else []
    if isinstance(values, Mapping):
        return [secret for value in values.values() for secret in secrets_of(value)]
    if isinstance(values, list | tuple | set | frozenset):
        return [secret for value in values for secret in secrets_of(value)]
    return []


def _trimmed(value: Any) -> Any:
    return value.strip() or value if isinstance(value, str) else value


def _parsed(value: Any) -> Any:
    """What is no JSON stays, for the setting itself to say what is wrong."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return value


@lru_cache
def _schema(kind: type[Schema]) -> Schema:
    """Made once: to make one costs more than to use it."""
    return kind()


def _kind_of(field: fields.Field[Any]) -> Kind | None:
    """None: a text, or one of several."""
    return next((kind for known, kind in _KINDS if isinstance(field, known)), None)


def _describe(name: str, field: fields.Field[Any]) -> SettingInfo:
    choices = next((tuple(check.choices) for check in field.validators if isinstance(check, validate.OneOf)), ())
    kind = _kind_of(field) or ("choice" if choices else "text")
    known_default = field.load_default is not missing and not callable(field.load_default)
    return SettingInfo(
        name=field.data_key or name,
        label=str(field.metadata.get("label") or name),
        help=str(field.metadata.get("help") or ""),
        required=field.required,
        secret=kind == "secret",
        kind=kind,
        default=field.load_default if known_default and kind != "secret" else None,
        choices=choices,
        example=str(field.metadata.get("example") or ""),
        address=kind == "url" or bool(field.metadata.get("address")),
        long=kind == "text" and bool(field.metadata.get("long")),
    )
