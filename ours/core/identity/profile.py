"""What is known of a visitor, and how news and mergers change it.

A profile is ``{"id", "external_id"?, "email_sha256"?, "phone"?, "consent_said"?, "properties": {…}}``: plain JSON,
sealed at rest. ``id`` is the visitor's public id; ``properties`` holds the known fields, ``custom_properties`` and
``consent``. Each change gives a new profile, and whether there was room for all of it.
"""

from collections.abc import Mapping
from typing import Any

from ours.core.identity import consent
from ours.core.identity.consent import Said
from ours.core.identity.custom import joined

Profile = dict[str, Any]
_CUSTOM = "custom_properties"
_APART = {_CUSTOM, consent.NAME, "external_id"}


def updated(profile: Profile, news: Mapping[str, Any], by: str) -> tuple[Profile, bool]:
    """``profile`` after ``news`` of the event ``by``: a value sets, None clears, ``""`` says nothing.

    Custom properties only ever gain: in them None and ``""`` say nothing. Consent is replaced as a whole, unless the
    news are older than it. An ``external_id`` is no property: it names the visitor.
    """
    properties = dict(profile["properties"])
    for name, value in news.items():
        if name in _APART or value == "":
            continue
        if value is None:
            properties.pop(name, None)
        else:
            properties[name] = value
    custom, whole = joined(_custom(properties), {k: v for k, v in _custom(news).items() if v not in (None, "")})
    result = _with(profile, properties, custom)
    if news.get(consent.NAME, "") != "":
        consent.put(result, consent.heard(consent.of(profile), Said(news[consent.NAME], by)))
    return result, whole


def merged(older: Profile, younger: Profile) -> tuple[Profile, bool]:
    """The older keeps its values, the younger fills the gaps: in the custom properties too, key by key.

    Of their consents the one counts that was said last.
    """
    ours, theirs = older["properties"], younger["properties"]
    gaps = {key: value for key, value in _custom(theirs).items() if key not in _custom(ours)}
    custom, whole = joined(_custom(ours), gaps)
    result = _with({**younger, **older}, {**theirs, **ours}, custom)
    consent.put(result, consent.said_last(consent.of(older), consent.of(younger)))
    return result, whole


def warned(profile: Profile, news: Mapping[str, Any], by: str) -> Profile:
    """``profile`` after news that may be another person's: nothing of them is taken over but what they reject."""
    result = {**profile, "properties": dict(profile["properties"])}
    consent.put(result, consent.warned(consent.of(profile), Said(news.get(consent.NAME), by)))
    return result


def _with(profile: Profile, properties: dict[str, Any], custom: dict[str, Any]) -> Profile:
    if custom:
        properties[_CUSTOM] = custom
    return {**profile, "properties": properties}


def _custom(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    custom = properties.get(_CUSTOM)
    return custom if isinstance(custom, Mapping) else {}
