"""What is known of a visitor, and how news and mergers change it.

A profile is ``{"id", "external_id"?, "email_sha256"?, "phone"?, "properties": {…}}``: plain JSON, sealed at rest.
``id`` is the visitor's public id; ``properties`` holds the known fields, ``custom_properties`` and ``consent``.
"""

from collections.abc import Mapping
from typing import Any

Profile = dict[str, Any]
_CUSTOM = "custom_properties"


def updated(properties: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, Any]:
    """``properties`` after ``news``: a value sets, None clears, ``""`` says nothing; consent is replaced as a whole.

    Custom properties only ever gain: in them None and ``""`` say nothing. An ``external_id`` is no property: it
    names the visitor.
    """
    result = dict(properties)
    for name, value in news.items():
        if name == _CUSTOM:
            _set_custom(result, _custom(properties) | {k: v for k, v in _custom(news).items() if v not in (None, "")})
        elif name == "external_id":
            continue
        elif value is None:
            result.pop(name, None)
        elif value != "":
            result[name] = value
    return result


def merged(older: Profile, younger: Profile) -> Profile:
    """The older keeps its values, the younger fills the gaps: in the custom properties too, key by key."""
    ours, theirs = older["properties"], younger["properties"]
    properties = {**theirs, **ours}
    _set_custom(properties, _custom(theirs) | _custom(ours))
    return {**younger, **older, "properties": properties}


def _custom(properties: Mapping[str, Any]) -> dict[str, Any]:
    custom = properties.get(_CUSTOM)
    return dict(custom) if isinstance(custom, Mapping) else {}


def _set_custom(properties: dict[str, Any], custom: dict[str, Any]) -> None:
    if custom:
        properties[_CUSTOM] = custom
