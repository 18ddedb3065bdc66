"""Klaviyo: what people do, and who they are, one request each."""

from collections.abc import Callable, Mapping
from typing import Any

from ours.plugin import (
    IDENTIFY,
    Delivered,
    Delivery,
    Destination,
    Outcome,
    Rejected,
    Request,
    Response,
    Schema,
    Skipped,
    by_api_answer,
    by_api_code,
    fields,
    hookimpl,
    iso,
    read_object,
    to_json,
    usual,
    validate,
)
from ours.plugin import identifiers as ids
from ours.plugin.values import (
    currency,
    number,
    objected,
    present,
    read_all,
    text,
    under,
    unreadable,
    word,
)

PROFILE, KLAVIYOS_OWN = "profile.", "$"
PEOPLE = ("email", "phone", "external_id", "anonymous_id", "exchange_id")
EVENT = {"name", "properties", "value", "currency", "backfill", *PEOPLE}
SUM = {"value": number, "currency": currency}
PERSON: Mapping[str, Callable[[Any], Any]] = dict.fromkeys(
    ("first_name", "last_name", "organization", "title", "locale", "image"), text
)
PLACE: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("address1", "address2", "city", "region", "zip", "country", "timezone", "ip"), text),
    **dict.fromkeys(("latitude", "longitude"), number),
}
LONGEST_NAME, MOST_PROPERTIES = 127, 400
LONGEST_TEXT, LARGEST_PROFILE = 100_000, 100_000  # bytes
EVENTS, IMPORT = "api/events", "api/profile-import"
TWO_PEOPLE = "duplicate_profile"


class Klaviyo(Destination):
    """One event a request, each with its own verdict. `$identify` makes or updates the profile instead; add it to the
    allow list and map what Klaviyo may know of the person.

    Klaviyo knows a person by an email, a phone number, an id of yours or one of its own, and learns those that it is
    told together. All that are known are sent, in clear, so it is added with an agreement that is signed, or with your
    word for it. An event of whom none is known is rejected. What somebody did whom Klaviyo does not know makes a
    profile there. It subscribes nobody: consent is given and taken back at Klaviyo, and none is looked at here, so what
    those who denied it did leaves like all else, unless a governance rule stops it.

    Of the events of one name and person, Klaviyo records one of those with the same `unique_id`, which is the event's
    distinctId. Events sent in bulk get no verdict, and for one repeat the others are lost, so they are not. Klaviyo
    takes 3,500 single events a minute, and 750 profiles: what is more waits.

    A field that is none of the following becomes a property of the event.

    | field | what it is |
    |---|---|
    | `name` | the event's name, which is Klaviyo's metric: fewer than 128 characters |
    | `email` | in clear |
    | `external_id` | your id of the person, in clear |
    | `phone` | in clear, with its country code; one that can't be read is left out. Not mapped unless you do |
    | `anonymous_id`, `exchange_id` | an id of yours of a stranger, and Klaviyo's own `_kx`; not mapped unless you do |
    | `properties` | an object whose entries become properties, but for those that begin with `$`: they are Klaviyo's \
own. Map the ones you want one by one: `$extra`, say |
    | `value`, `currency` | what counts as revenue, as a number, and three letters; rejected if they can't be read |
    | `backfill` | yes in any spelling, and what can't be read: the event starts no flow. Not mapped unless you do |
    | `profile.NAME` | of the person, for `$identify`: `first_name`, `last_name`, `organization`, `title`, `locale`, \
`image`; `address1`, `address2`, `city`, `region`, `zip`, `country`, `timezone`, `latitude`, `longitude`, `ip`; any \
other is a property of the profile |

    A profile keeps what a `$identify` does not name. It has at most 100 kB, as has each text of an event, which has at
    most 400 properties.

    | answer | what follows |
    |---|---|
    | event: 202 with nothing in it | delivered; what Klaviyo did not take of the person is noted |
    | profile: 200 or 201 with the profile | delivered |
    | 2xx with anything else | nobody knows: tried again, Klaviyo drops what it has |
    | 400 | rejected with Klaviyo's reason |
    | 409 | two people at Klaviyo have these identifiers: rejected |
    | 401–405, 407, 410, 421, a redirect, a web page, a 4xx that is no JSON | after five in a row, it pauses |
    | 429; 5xx | the destination rests; tried again |

    Not yet run against the vendor.
    """

    slug = "klaviyo"
    label = "Klaviyo"
    summary = "Sends Klaviyo who people are and what they do, so that it can message them."
    category = "crm"
    identify = "profile"
    dedupes = True
    agreement = (
        "No business associate agreement is known: send nothing that reveals a condition, not even in an event's"
        " name. An email or a text message that Klaviyo sends can itself reveal one."
    )
    default_mapping = {
        "name": "{{event.event}}",
        "email": "{{visitor.email}}",
        "external_id": "{{event.external_id || visitor.external_id}}",
        "value": "{{event.event_properties.value}}",
        "currency": "{{event.event_properties.currency}}",
        "order_id": "{{event.event_properties.order_id}}",
    }

    class Settings(Schema):
        private_key = usual.key(
            "Private API key", "Settings, API keys. It needs write access to events, and to profiles for `$identify`."
        )
        phone_region = usual.phone_region()
        revision = fields.String(load_default="2026-07-15", validate=validate.Regexp(
            r"\d{4}-\d{2}-\d{2}(\.[a-z]{1,10})?\Z", error="Must be a day, such as 2026-07-15."), metadata={
            "label": "Revision", "help": "The API version, by its date."})  # fmt: skip
        endpoint = usual.endpoint("https://a.klaviyo.com", "Klaviyo")

    def build(self, delivery: Delivery) -> Request | Skipped | Rejected:
        who = people(delivery.fields, delivery.settings.get("phone_region"))
        if not who:
            return Rejected("no_identifier", "No email, phone number or id of the visitor is known.", "email")
        if delivery.event.name == IDENTIFY:
            made = profile(delivery.fields, who)
            return made if isinstance(made, Skipped | Rejected) else asked(IMPORT, made, delivery.settings)
        made = occurrence(delivery, who)
        return made if isinstance(made, Rejected) else asked(EVENTS, made, delivery.settings)

    def read(self, response: Response) -> Outcome:
        said = read_object(response)
        if response.status_code >= 300 and (told := reason(said)):
            return refused(response, told)
        made = said.get("data")
        is_profile = isinstance(made, Mapping) and made.get("type") == "profile"
        as_event = response.status_code == 202 and not response.content
        outcome = by_api_answer(response, taken=as_event or (response.status_code in (200, 201) and is_profile))
        left_out = word(response.headers.get("X-Klaviyo-Partial-Failure"))
        return Delivered(f"not taken: {left_out}") if left_out and isinstance(outcome, Delivered) else outcome


def people(given: Mapping[str, Any], region: str | None) -> dict[str, str]:
    """By what Klaviyo may know them; empty where nobody is named."""
    known = {
        "email": ids.email(given.get("email")),
        "phone_number": ids.phone(given.get("phone"), region),
        "external_id": ids.somebody(given.get("external_id")),
        "anonymous_id": ids.somebody(given.get("anonymous_id")),
        "_kx": ids.somebody(given.get("exchange_id")),
    }
    return present(known)


def occurrence(delivery: Delivery, who: Mapping[str, str]) -> dict[str, Any] | Rejected:
    given, event = delivery.fields, delivery.event
    name, bag = text(given.get("name")), given.get("properties")
    if not name:
        return Rejected("no_name", "The mapping gives no name for this event.", "name")
    if len(name) > LONGEST_NAME:
        return Rejected("invalid_name", f"A name has at most {LONGEST_NAME} characters.", "name")
    read, wrong = read_all(given, SUM)
    if wrong:
        return unreadable(wrong, SUM[wrong])
    own = {field: value for field, value in read.items() if field not in EVENT and not field.startswith(PROFILE)}
    many = bag.items() if isinstance(bag, Mapping) else ()
    properties = {field: value for field, value in many if not field.startswith(KLAVIYOS_OWN)} | own
    attributes = {
        "properties": properties,
        "time": iso(event.occurred_at),
        "unique_id": event.distinct_id,
        "value": read.get("value"),
        "value_currency": read.get("currency"),
        "backfill": objected(given.get("backfill")) or None,
        "metric": {"data": {"type": "metric", "attributes": {"name": name}}},
        "profile": {"data": {"type": "profile", "attributes": dict(who)}},
    }
    known = {field: value for field, value in attributes.items() if value is not None}
    return too_much(properties) or {"type": "event", "attributes": known}


def too_much(properties: Mapping[str, Any]) -> Rejected | None:
    if len(properties) > MOST_PROPERTIES:
        return Rejected("too_many_properties", f"An event has at most {MOST_PROPERTIES} properties.", "properties")
    long = next((field for field, value in properties.items() if longest(value) > LONGEST_TEXT), None)
    return Rejected("text_too_long", f"A text has at most {LONGEST_TEXT:,} bytes.", long) if long else None


def longest(value: Any) -> int:
    """Bytes of the longest text anywhere inside."""
    if isinstance(value, str):
        return len(value.encode())
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return max(map(longest, inner), default=0)


def profile(given: Mapping[str, Any], who: Mapping[str, str]) -> dict[str, Any] | Skipped | Rejected:
    rules = {**PERSON, **PLACE}
    read, wrong = read_all(under(PROFILE, given), rules)
    if wrong:
        return unreadable(PROFILE + wrong, rules[wrong])
    if not read and len(who) == 1 and not who.keys() & {"email", "phone_number"}:
        return Skipped("nothing_to_set", f"Map what Klaviyo may know of the person: {PROFILE}plan, say.")
    attributes = {
        **who,
        **{field: value for field, value in read.items() if field in PERSON},
        "location": {field: value for field, value in read.items() if field in PLACE},
        "properties": {field: value for field, value in read.items() if field not in rules},
    }
    made = {"type": "profile", "attributes": present(attributes)}
    if len(to_json(made)) > LARGEST_PROFILE:
        return Rejected("too_large", f"A profile has at most {LARGEST_PROFILE:,} bytes.")
    return made


def asked(path: str, data: Mapping[str, Any], settings: Mapping[str, Any]) -> Request:
    headers = {
        "Content-Type": "application/vnd.api+json",
        "Authorization": f"Klaviyo-API-Key {settings['private_key'].reveal()}",
        "revision": settings["revision"],
    }
    return Request("POST", f"{settings['endpoint'].rstrip('/')}/{path}", headers=headers, data=to_json({"data": data}))


def reason(said: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The first of what Klaviyo has to say against it."""
    errors = said.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    return first if isinstance(first, Mapping) and text(first.get("code")) else None


def refused(response: Response, told: Mapping[str, Any]) -> Outcome:
    """In Klaviyo's words; its pointer names the field: ``/data/attributes/profile/data/attributes/email``."""
    code, source = word(told.get("code")), told.get("source")
    pointer = text(source.get("pointer")) if isinstance(source, Mapping) else None
    said = text(told.get("detail")) or text(told.get("title")) or "Klaviyo refused it."
    if code == TWO_PEOPLE:
        said = "Two people at Klaviyo have these identifiers: merge them there, or map fewer."
    field = word((pointer or "").rpartition("/")[2]) or None
    outcome = by_api_code(response, "_".join(filter(None, [code or "refused", field])), said)
    return Rejected(outcome.code, said, field) if isinstance(outcome, Rejected) else outcome


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [Klaviyo]
