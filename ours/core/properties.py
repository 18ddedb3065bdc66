"""Reads the groups of named properties by their catalogues, and sees to it that what no catalogue names is not lost."""

from typing import Any

import orjson

from ours.core import bags, categories, emails, phones
from ours.core.catalogues import (
    DEFAULT_PROPERTIES,
    IDENTITY_CONTEXT,
    LONGEST,
    NO_IDS,
    TWINS,
    USER_PROPERTIES,
    Catalogue,
    Known,
)
from ours.core.notices import Notices
from ours.errors import Invalid

Raw = dict[str, Any]
CUSTOM = "custom_properties"
_NEVER_PLAIN = frozenset({"phone_number"})  # read for its digits, whatever it looks like
_NUMBERS = frozenset({int, float})
# As JavaScript's trim() and JSON Schema's \s have it; Python's strip() goes by a slightly different list.
WHITESPACE = "\t\n\v\f\r \xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(map(chr, range(0x2000, 0x200B)))


class Properties:
    """What was read: ``values`` by name, ``rest`` (what the catalogue does not name), ``problems`` by the key sent.

    The problem of the group as a whole has the key "".
    """

    __slots__ = ("catalogue", "notices", "path", "problems", "rest", "values")

    def __init__(self, catalogue: Catalogue, path: str, notices: Notices) -> None:
        self.catalogue, self.path, self.notices = catalogue, path, notices
        self.values: Raw = {}
        self.rest: Raw = {}
        self.problems: dict[str, list[str]] = {}

    def take(self, key: str, value: Any, name: str) -> None:
        """Read ``value``, sent as ``key``, as the field ``name``. null stays null; "" is ignored with a warning."""
        known = self.catalogue.get(name)
        if known is None:
            self.rest[key] = value
            return
        try:
            clean = None if value is None else self._read(key, value, known)
        except Invalid as problem:
            self.problems[key] = [str(problem)]
            return
        if clean == "":
            self.warn(key, "empty_ignored")
        else:
            self.values[name] = clean

    def take_all(self, raw: Raw) -> None:
        for key, value in raw.items():
            self.take(key, value, key)

    def warn(self, key: str, code: str, detail: str = "") -> None:
        self.notices.add(f"{self.path}.{key}", code, detail)

    def _read(self, key: str, value: Any, known: Known) -> Any:
        if known.kind == "text":
            return text(value, known)
        if value == "":
            return value
        if known.kind == "number" and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise Invalid("Must be a number.")
        if known.kind == "boolean" and not isinstance(value, bool):
            raise Invalid("Must be true or false.")
        if known.kind == "object":
            return bags.read(an_object(value), f"{self.path}.{key}", self.notices)
        return bags.value(value, f"{self.path}.{key}", self.notices)


def user(raw: Raw, path: str, notices: Notices) -> Properties:
    """A visitor's. null stays (it clears), twins in camelCase are renamed or give way, the rest joins custom ones."""
    found = Properties(USER_PROPERTIES, path, notices)
    for key, value in raw.items():
        twin = TWINS.get(key)
        if not twin:
            found.take(key, value, key)
        elif twin not in raw:
            found.warn(key, "renamed", twin)
            found.take(key, value, twin)
        elif value != raw[twin]:
            found.warn(key, "overridden", twin)
    _customise(found)
    if consent := found.values.get("consent"):
        found.values["consent"] = categories.read(consent, f"{path}.consent", notices)
    phone = found.values.get("phone_number")
    if isinstance(phone, float) and phone.is_integer() and abs(phone) <= bags.LARGEST_NUMBER:
        phone = found.values["phone_number"] = int(phone)
    if phone is not None and phones.normalise(phone) is None:
        found.warn("phone_number", "phone_not_a_number")
    if "external_id" in found.values and found.values["external_id"] is None:
        found.warn("external_id", "null_ignored")
    email = found.values.get("email")
    if email is not None and emails.normalise(email) is None:
        found.warn("email", "email_names_nobody")
    return found


def default(raw: Raw, path: str, notices: Notices) -> Properties:
    """An event's page, device and campaign. What the catalogue does not name is kept, under the rules for bags."""
    found = Properties(DEFAULT_PROPERTIES, path, notices)
    found.take_all(raw)
    try:
        if found.rest:
            found.values |= bags.read(found.rest, path, notices)
        bags.check_size(found.values)
    except Invalid as problem:
        found.problems[""] = [str(problem)]
    return found


def identity_context(raw: Raw, path: str, notices: Notices) -> Properties:
    """The network of the person whom the event is about: both its fields, or it is wrong."""
    found = Properties(IDENTITY_CONTEXT, path, notices)
    found.take_all(raw)
    for key in found.rest:
        found.warn(key, "unknown_field")
    for key, known in IDENTITY_CONTEXT.items():
        if known.required and raw.get(key) is None:
            found.problems[key] = [f"Must be sent, as text, whenever {path} is."]
    return found


def are_plain(raw: Raw, catalogue: Catalogue) -> bool:
    """Whether a visitor's or an event's properties can be kept just as they are. False says nothing: then read them."""
    for key, value in raw.items():
        known = catalogue.get(key)
        if known is None or not (value is None or _is_plain(value, known)) or key in _NEVER_PLAIN:
            return False
    if "external_id" in raw and raw["external_id"] is None:
        return False
    if raw.get("email") is not None and emails.normalise(raw["email"]) is None:
        return False
    if raw.get("consent") and not categories.are_plain(raw["consent"]):
        return False
    if CUSTOM not in raw:
        return True
    custom = raw[CUSTOM]
    return bool(custom) and None not in custom.values() and "" not in custom.values()


def _is_plain(value: Any, known: Known) -> bool:
    match known.kind:
        case "text":
            fits = type(value) is str and 0 < len(value) <= (known.max_length or LONGEST)
            return (
                fits and (not known.trim or value.strip(WHITESPACE) == value) and not (known.names and value in NO_IDS)
            )
        case "object":
            return type(value) is dict and bags.is_plain(value)
        case "boolean":
            return type(value) is bool
        case "number":
            return type(value) in _NUMBERS and abs(value) <= bags.LARGEST_NUMBER
        case "any":
            return type(value) is bool or (type(value) is str and 0 < len(value) <= LONGEST)


def text(value: Any, known: Known) -> str:
    """:raises Invalid: when ``value`` can't be this text, or is too long."""
    if not isinstance(value, str):
        if not known.coerce:
            raise Invalid("Must be text.")
        value = _as_text(value)
    clean: str = value.strip(WHITESPACE) if known.trim else value
    if known.max_length is not None and len(clean) > known.max_length:
        raise Invalid(f"Must have at most {known.max_length:,} characters; it has {len(clean):,}.")
    if known.names and clean in NO_IDS:
        raise Invalid(f"{clean} is what a program writes for what it does not have. Send the real one, or nothing.")
    return clean


def _as_text(value: Any) -> str:
    """A number or boolean as JSON writes it: ``true``, ``12``, ``1.5``; ``12.0`` is ``12``."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= bags.LARGEST_NUMBER:
        value = int(value)
    if isinstance(value, bool | float):
        return orjson.dumps(value).decode()
    if isinstance(value, int):
        return str(value)
    raise Invalid("Must be text or a number.")


def an_object(value: Any) -> Raw:
    """:raises Invalid: when it is none. What has no entries is written ``[]`` by PHP, whatever it was meant to be."""
    if not isinstance(value, dict):
        raise Invalid("Must be an object; an empty one is {}, not []." if value == [] else "Must be an object.")
    return value


def _customise(found: Properties) -> None:
    """Join unknown keys and ``custom_properties``, where null and "" are ignored. What was sent explicitly wins."""
    sent = found.values.pop(CUSTOM, {})
    if sent is None:
        found.warn(CUSTOM, "null_ignored")
    custom = _without_nothing(found, sent or {}, f"{CUSTOM}.")
    if found.rest:
        custom = _join(found, _without_nothing(found, found.rest, ""), custom)
    if custom:
        found.values[CUSTOM] = custom


def _join(found: Properties, moved: Raw, custom: Raw) -> Raw:
    for key, value in moved.items():
        if key not in custom:
            found.warn(key, "moved")
        elif custom[key] != value:
            found.warn(key, "overridden", CUSTOM)
    try:
        return bags.read(moved | custom, f"{found.path}.{CUSTOM}", found.notices)
    except Invalid as problem:
        found.problems[CUSTOM] = [str(problem)]
        return {}


def _without_nothing(found: Properties, bag: Raw, prefix: str) -> Raw:
    if None not in bag.values() and "" not in bag.values():
        return bag
    for key, value in bag.items():
        if value is None or value == "":
            found.warn(prefix + key, "null_ignored" if value is None else "empty_ignored")
    return {key: value for key, value in bag.items() if value is not None and value != ""}
