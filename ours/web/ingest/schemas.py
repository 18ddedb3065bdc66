"""The ingest contract. What these schemas say is what is validated, and what ``/api/v1/openapi`` publishes."""

from functools import cached_property
from typing import Any, ClassVar

from marshmallow import EXCLUDE, Schema, ValidationError, validates_schema

from ours.core import allow, bags, emails, phones, properties, timing
from ours.core.catalogues import DEFAULT_PROPERTIES, IDENTITY_CONTEXT, TWINS, USER_PROPERTIES
from ours.core.incoming import Incoming
from ours.core.notices import Notices
from ours.errors import Invalid
from ours.plugin.types import IDENTIFY
from ours.web.ingest import meant
from ours.web.ingest.fields import Anything, Bag, Current, Email, Id, Key, Moment, Properties, Reading, Rows, Text
from ours.web.ingest.swift import Swift

NAMERS = ("userId", "externalId", "email")
NOBODY = "No identifier was sent. Send at least one of userId, externalId and email."
_NO_PHONE = f"This is not a phone number of {phones.FEWEST} to {phones.MOST} digits, so it identifies nobody."
_NO_EMAIL = "This is not an email address, so it identifies nobody."
_HINTS = {_NO_PHONE, _NO_EMAIL, *meant.HINTS}
Body = dict[str, Any]


def _no_identify(name: str) -> None:
    if allow.reads_as_identify(name):
        raise ValidationError("Must not be $identify: send that to /api/v1/identify.")


class Contract(Schema):
    """A body whose unknown keys are ignored with a warning. ``door`` is where it is sent to, ``essence`` the field
    without which it was perhaps meant for another.
    """

    door: ClassVar[str]
    essence: ClassVar[str]

    class Meta:
        unknown = EXCLUDE

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(field.data_key or name for name, field in self.fields.items())

    @cached_property
    def swift(self) -> Swift:
        return Swift(self, self.sound)

    def sound(self, _: Body) -> bool:
        """Whether values that are right one by one are so together, too."""
        return True

    def read(self, body: Body, now: int) -> tuple[Body, Notices]:
        """The values by attribute, without nulls, and the warnings.

        :raises Invalid: with every wrong field, by its dotted path.
        """
        values = self.swift.read(body, now)
        return (values, Notices()) if values is not None else self.read_slowly(body, now)

    def read_slowly(self, body: Body, now: int) -> tuple[Body, Notices]:
        """The same by marshmallow, which alone makes warnings and errors."""
        reading = Reading(now)
        try:
            with Current(reading):
                loaded: Body = self.load(body)
        except ValidationError as error:
            errors = flatten(error.messages_dict)
            named = {key: name for key, name in self._meant(body).items() if name in errors and key not in errors}
            errors |= {key: [meant.UNKNOWN.format(meant.told(name))] for key, name in named.items()}
            errors = self._led(body, errors)
            raise Invalid(sentence(errors), errors) from None
        for key, name in self._meant(body).items():
            door = meant.door_of(key, body[key])
            if name or door in ("", self.door):
                reading.notices.add(key, "misnamed" if name else "unknown_field", meant.told(name))
            else:
                reading.notices.add(key, "wrong_address", meant.DOORS[door])
        return {name: value for name, value in loaded.items() if value is not None}, reading.notices

    def _led(self, body: Body, errors: dict[str, list[str]]) -> dict[str, list[str]]:
        """The errors; of a body that was meant for another address, that one."""
        door = meant.door(body)
        if self.essence in body or door in ("", self.door):
            return errors
        led = {self.essence: [f"{errors[self.essence][0]} {meant.DOORS[door]}"]}
        return led if door == "batch" else errors | led

    def _meant(self, body: Body) -> dict[str, str]:
        """What each key that is not known was meant to be; empty where it looks like nothing."""
        return {key: meant.field(key, body, self.names) for key in body if key not in self.names}


class Person(Contract):
    """Whom it is about: at least one identifier must be there."""

    user_id = Id("userId", "Our id of the visitor, used as it is, without a look-up.", longest=400)
    external_id = Id("externalId", "Your own id of this person.", longest=400, coerce=True)
    email_sha256 = Email("email", "An identifier: hashed on arrival, and never kept in clear.", longest=1000)
    user_properties = Properties(
        "userProperties",
        "Facts about the visitor: a value sets, null clears, an empty text is ignored. Keys that are not known join"
        " `custom_properties`, which merge.",
        catalogue=USER_PROPERTIES,
        read=properties.user,
    )
    default_properties = Properties(
        "defaultProperties",
        "Page, device and campaign of the event. Unknown keys are kept.",
        catalogue=DEFAULT_PROPERTIES,
        read=properties.default,
    )
    identity_context = Properties(
        "identityContext",
        "The network of the person, not of your server. Both fields must be sent.",
        catalogue=IDENTITY_CONTEXT,
        read=properties.identity_context,
    )

    def sound(self, values: Body) -> bool:
        return _named(values) and not _named_twice(values)

    def read_slowly(self, body: Body, now: int) -> tuple[Body, Notices]:
        values, notices = super().read_slowly(body, now)
        if _named_twice(values):
            notices.add("userProperties.external_id", "overridden", "externalId")
        return values, notices

    @validates_schema(skip_on_field_errors=False, pass_original=True)
    def somebody_is_named(self, data: Body, original: Body, **_: Any) -> None:
        if not _named(data) and all(original.get(name) is None for name in NAMERS):
            raise ValidationError({name: [NOBODY] for name in NAMERS} | _mistaken(original, self.names))


class Event(Person):
    """Something that happened."""

    name = Text(
        "event",
        "The event's name. It is only sent to destinations whose allow list has it.",
        longest=1000,
        required=True,
        validate=_no_identify,
    )
    occurred_at = Moment("time", "When it happened, in milliseconds since 1970, at most 7 days ago. Missing: now.")
    distinct_id = Id(
        "distinctId",
        "The event's own id: a second event with the same name and distinctId is a duplicate. If missing, Ours makes"
        " one.",
        longest=400,
        coerce=True,
    )
    event_properties = Bag("eventProperties", "Facts about the event.")
    properties = Bag(
        "properties", "Another name for eventProperties. If both are sent, they are merged and eventProperties wins."
    )

    def incoming(self, body: Body, now: int) -> Incoming:
        """:raises Invalid: with every wrong field, by its dotted path."""
        values, notices = self.read(body, now)
        values.pop("token", None)
        values.setdefault("occurred_at", now)
        other = values.pop("properties", None)
        if other is not None:
            values["event_properties"] = _merge(other, values.get("event_properties", {}), notices)
        return Incoming(**values, time=timing.as_sent(body.get("time")), warnings=notices.all())


class Track(Event):
    """The body of ``/track``."""

    door, essence = "track", "event"
    token = Key("token", "The source's key, unless a header carries it.", longest=250)


class Row(Event):
    """One row of ``/batch``."""

    door, essence = "batch", "event"
    token = Anything("token", "Ignored: the batch carries the key.")
    distinct_id = Id("distinctId", "As in /track, but required.", longest=400, coerce=True, required=True)


class Identify(Person):
    """The body of ``/identify``."""

    door, essence = "identify", "userProperties"
    token = Key("token", "The source's key, unless a header carries it.", longest=250)
    user_properties = Properties(
        "userProperties",
        "Facts about the visitor, as in /track, but required.",
        catalogue=USER_PROPERTIES,
        read=properties.user,
        required=True,
    )

    def incoming(self, body: Body, now: int) -> Incoming:
        """:raises Invalid: with every wrong field, by its dotted path."""
        values, notices = self.read(body, now)
        values.pop("token", None)
        return Incoming(kind="identify", name=IDENTIFY, occurred_at=now, **values, warnings=notices.all())


class Batch(Contract):
    """The body of ``/batch``."""

    door, essence = "batch", "events"
    token = Key("token", "The source's key, unless a header carries it.", longest=250)
    events = Rows("events", "The rows, each read by itself.", required=True)


TRACK_BODY, IDENTIFY_BODY, BATCH_BODY, BATCH_ROW = Track(), Identify(), Batch(), Row()


def flatten(messages: dict[str, Any], above: str = "") -> dict[str, list[str]]:
    """Nested messages by dotted path; a part named "" is the whole."""
    flat: dict[str, list[str]] = {}
    for key, found in messages.items():
        path = ".".join(part for part in (above, key) if part)
        flat |= flatten(found, path) if isinstance(found, dict) else {path: list(found)}
    return flat


def sentence(errors: dict[str, list[str]]) -> str:
    """What is wrong, in one sentence."""
    if len(errors) == 1:
        [(path, texts)] = errors.items()
        return f"{path}: {texts[0]}"
    others = {path: text for path, (text, *_) in errors.items() if text != NOBODY}
    nobody = [NOBODY] if len(others) < len(errors) else []
    if sum(text not in _HINTS for text in others.values()) <= 1:
        return " ".join([*nobody, *(f"{path}: {text}" for path, text in others.items())])
    return f"{len(errors)} fields are wrong: {', '.join(errors)}."


def _mistaken(original: Body, known: frozenset[str]) -> dict[str, list[str]]:
    """What was perhaps sent to name somebody, and does not: by its path, why."""
    facts = original.get("userProperties")
    facts = facts if isinstance(facts, dict) else {}
    named = {key: key for key in original.keys() - known}
    named |= {f"userProperties.{key}": key for key in facts.keys() - USER_PROPERTIES.keys() - TWINS.keys()}
    found = {path: meant.UNKNOWN.format(name) for path, key in named.items() if (name := meant.person(key))}
    for key in ("phone_number", "phoneNumber"):
        if facts.get(key) not in (None, ""):
            found[f"userProperties.{key}"] = _NO_PHONE
    if facts.get("email") not in (None, ""):
        found["userProperties.email"] = _NO_EMAIL
    return {path: [why] for path, why in sorted(found.items())}


def _named(data: Body) -> bool:
    facts = data.get("user_properties") or {}
    return bool(
        data.get("user_id")
        or data.get("external_id")
        or data.get("email_sha256")
        or emails.normalise(facts.get("email"))
        or facts.get("external_id")
        or phones.normalise(facts.get("phone_number"))
    )


def _named_twice(data: Body) -> bool:
    """Whether two externalIds are named: the one in the properties is not used."""
    named, second = data.get("external_id"), (data.get("user_properties") or {}).get("external_id")
    return bool(named and second and named != second)


def _merge(other: Body, explicit: Body, notices: Notices) -> Body:
    for key in other.keys() & explicit.keys():
        if other[key] != explicit[key]:
            notices.add(f"properties.{key}", "overridden", "eventProperties")
    try:
        return bags.read(other | explicit, "eventProperties", notices)
    except Invalid as problem:
        raise Invalid(f"eventProperties: {problem}", {"eventProperties": [str(problem)]}) from None
