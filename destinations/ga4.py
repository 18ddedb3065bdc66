"""Google Analytics 4, by its Measurement Protocol."""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from ours.plugin import (
    Delivered,
    Delivery,
    Destination,
    Endpoint,
    Mapped,
    Outcome,
    Rejected,
    Request,
    Response,
    Schema,
    Secret,
    by_api_status,
    fields,
    hookimpl,
    read_object,
    to_json,
    usual,
    validate,
)
from ours.plugin.identifiers import country_code, google_email, google_name, hashed, phone
from ours.plugin.values import currency, granted, is_unread, number, present, text, under

KNOWN = {
    "name", "client_id", "app_instance_id", "user_id", "ad_user_data", "ad_personalization", "email", "phone",
    "first_name", "last_name", "city", "region", "postal_code", "country",
}  # fmt: skip
USER_PROPERTY = "user_property."
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
RESERVED_EVENTS = {
    "ad_activeview", "ad_click", "ad_exposure", "ad_impression", "ad_query", "ad_reward", "adunit_exposure",
    "app_background", "app_clear_data", "app_exception", "app_install", "app_remove", "app_store_refund",
    "app_store_subscription_cancel", "app_store_subscription_convert", "app_store_subscription_renew", "app_update",
    "app_upgrade", "dynamic_link_app_open", "dynamic_link_app_update", "dynamic_link_first_open", "error",
    "firebase_campaign", "firebase_in_app_message_action", "firebase_in_app_message_dismiss",
    "firebase_in_app_message_impression", "first_open", "first_visit", "in_app_purchase", "notification_dismiss",
    "notification_foreground", "notification_open", "notification_receive", "notification_send", "os_update",
    "screen_view", "session_start", "user_engagement",
}  # fmt: skip
RESERVED_PREFIXES = ("_", "firebase_", "ga_", "google_", "gtag.")
LONGEST = {"page_location": 1000, "page_referrer": 420, "page_title": 300}
WORTH = {"value", "tax", "shipping", "currency"}
MOST_PARAMS, MOST_PROPERTIES, MOST_BYTES = 25, 25, 130_000


class GA4(Destination):
    """One event a request. Google answers 2xx to everything and drops what is wrong without a word, so Ours checks
    first what Google's validation server would say, and rejects with its code: VALUE_INVALID, VALUE_REQUIRED,
    NAME_INVALID, NAME_RESERVED, VALUE_OUT_OF_BOUNDS, EXCEEDED_MAX_ENTITIES, NAME_DUPLICATED.
    A wrong API secret or measurement id shows nowhere: look into DebugView.

    The event's name becomes lower-case words joined by `_`: `Order Completed` is sent as `order_completed`. Map `name`
    to send another. A field that is none of the following becomes a parameter of the event; an object mapped to
    `params` becomes many. `user_property.NAME` becomes a user property.

    | field | what it is |
    |---|---|
    | `client_id`, or `app_instance_id` | whose event it is: Ours' id of the visitor, hashed, unless you map another |
    | `user_id` | your id of the person; not mapped unless you do |
    | `session_id`, `engagement_time_msec` | parameters without which reports of users and sessions stay empty |
    | `ad_user_data`, `ad_personalization` | consent: yes and no in any spelling, and no where it can't be read |
    | `email`, `phone`, `first_name`, `last_name` | leave as SHA-256, as Google writes them; not mapped unless you do |
    | `city`, `region`, `postal_code`, `country` | go with them, in clear (`FR`, not `France`), if you map them |

    There is nothing that repeats could be dropped by, so a try that got no answer waits for a person.

    | answer | what follows |
    |---|---|
    | 2xx | delivered, as far as Google tells |
    | 2xx from the validation server, with messages | rejected, with the code of the first |
    | 429; 5xx | the destination rests; tried again |
    | 401–405, 407, 410, 421, a redirect, a web page | after five in a row, it pauses: look at the endpoint |
    | all else | rejected: Google asks not to repeat it |

    Not yet run against the vendor.
    """

    slug = "ga4"
    label = "Google Analytics 4"
    summary = "Sends events to Google Analytics 4 through the Measurement Protocol, checked before they are sent."
    category = "analytics"
    max_age = 72 * 3600.0
    hashed = ("email", "phone", "first_name", "last_name")
    agreement = (
        "Google signs no business associate agreement for Analytics and forbids health information in it."
        " Nothing that identifies a person, and no page address, is sent unless you map it."
    )
    default_mapping = {
        "name": "{{event.event}}",
        "client_id": Mapped("{{visitor.id}}", "Hash"),
        "session_id": "{{event.default_properties.sid}}",
        "engagement_time_msec": "1",
        "value": "{{event.event_properties.value}}",
        "currency": "{{event.event_properties.currency}}",
        "transaction_id": "{{event.event_properties.order_id}}",
        "ad_user_data": "{{visitor.consent.ad_user_data}}",
        "ad_personalization": "{{visitor.consent.ad_personalization}}",
    }

    class Settings(Schema):
        measurement_id = fields.String(required=True, validate=validate.Regexp(
            r"G-[A-Z0-9]{4,20}\Z", error="Must be a web stream's id, such as G-AB12CD34EF."), metadata={
            "label": "Measurement id", "example": "G-AB12CD34EF",
            "help": "Admin, Data streams, your web stream."})  # fmt: skip
        api_secret = Secret(required=True, validate=validate.Regexp(
            re.compile(r"[\w-]+\Z", re.ASCII), error="Must be the secret alone: letters, digits, - and _."), metadata={
            "label": "API secret",
            "help": "Created in the same place, under Measurement Protocol API secrets."})  # fmt: skip
        endpoint = Endpoint(load_default="https://www.google-analytics.com", metadata={
            "label": "Endpoint",
            "help": "`https://region1.google-analytics.com` keeps collection in the European Union."})  # fmt: skip
        validate_only = fields.Boolean(load_default=False, metadata={
            "label": "Validate only",
            "help": "Sends to Google's validation server, which keeps nothing and says what is wrong."})  # fmt: skip
        debug_mode = fields.Boolean(load_default=False, metadata={
            "label": "Debug mode", "help": "Shows the events in DebugView."})  # fmt: skip
        phone_region = usual.phone_region()

    def build(self, delivery: Delivery) -> Request | Rejected:
        settings, given = delivery.settings, delivery.fields
        params = parameters(given)
        if isinstance(params, Rejected):
            return params
        if settings["debug_mode"]:
            params["debug_mode"] = 1
        body = whose(given, settings) | {
            "timestamp_micros": delivery.event.occurred_at * 1000,
            "events": [{"name": snake(given.get("name")), "params": params}],
        }
        if wrong := next(faults(body), None):
            return wrong
        data = to_json(body)
        if len(data) > MOST_BYTES:
            return Rejected("VALUE_OUT_OF_BOUNDS", f"The event is larger than {MOST_BYTES:,} bytes.")
        path = "/debug/mp/collect" if settings["validate_only"] else "/mp/collect"
        query = {"measurement_id": settings["measurement_id"], "api_secret": settings["api_secret"].reveal()}
        headers = {"Content-Type": "application/json"}
        return Request("POST", settings["endpoint"].rstrip("/") + path, params=query, headers=headers, data=data)

    def read(self, response: Response) -> Outcome:
        told = read_object(response).get("validationMessages")
        first = told[0] if isinstance(told, list) and told else None
        if response.status_code == 200 and isinstance(first, dict):
            code, field = first.get("validationCode"), first.get("fieldPath")
            return Rejected(str(code or "invalid"), str(first.get("description") or ""), str(field) if field else None)
        outcome = by_api_status(response)
        return Delivered("Google says only that it came.") if isinstance(outcome, Delivered) else outcome


def snake(name: Any) -> str:
    """``"Order Completed"`` → ``"order_completed"``."""
    return re.sub(r"[^A-Za-z0-9]+", "_", text(name) or "").strip("_").lower()


def parameters(given: Mapping[str, Any]) -> dict[str, Any] | Rejected:
    """Every field that is nothing else, and what an object in ``params`` holds."""
    bag = given.get("params")
    single = {name: value for name, value in given.items() if name not in {*KNOWN, "params"}}
    single = {name: value for name, value in single.items() if not name.startswith(USER_PROPERTY)}
    many = dict(bag) if isinstance(bag, Mapping) else {}
    if twice := sorted(single.keys() & many.keys()):
        return Rejected("NAME_DUPLICATED", f"{twice[0]} is mapped, and in params too.", twice[0])
    whole = many | single
    read = {name: parameter(name, value) for name, value in whole.items()}
    for name in sorted(WORTH & read.keys()):
        if is_unread(whole[name], read[name]):
            kind = "code of three letters, such as EUR" if name == "currency" else "number, such as 12.5"
            return Rejected("VALUE_INVALID", f"The {name} is not a {kind}.", f"events[0].params.{name}")
    return present(read)


def parameter(name: str, value: Any) -> Any:
    if name in {"value", "tax", "shipping", "engagement_time_msec"}:
        return number(value)
    if name == "transaction_id":
        return text(value) or (None if isinstance(value, str) else value)  # all "" are one purchase to Google
    return currency(value) if name == "currency" else value


def whose(given: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the body that is about the person; empty parts are left out."""
    named = {name: text(given.get(name)) for name in ("client_id", "app_instance_id", "user_id")}
    asked = {name: granted(given.get(name)) for name in ("ad_user_data", "ad_personalization")}
    consent = {name: "GRANTED" if said else "DENIED" for name, said in asked.items() if said is not None}
    known = {name: {"value": value} for name, value in under(USER_PROPERTY, given).items()}
    parts = named | {"consent": consent, "user_properties": known, "user_data": user_data(given, settings)}
    return present(parts)


def user_data(given: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    address = {
        "sha256_first_name": hashed(given.get("first_name"), letters),
        "sha256_last_name": hashed(given.get("last_name"), letters),
        "city": letters(given.get("city")),
        "region": letters(given.get("region")),
        "postal_code": text(given.get("postal_code")),
        "country": (country_code(given.get("country")) or "").upper(),
    }
    known = {
        "sha256_email_address": hashed(given.get("email"), google_email),
        "sha256_phone_number": hashed(given.get("phone"), partial(phone, region=settings.get("phone_region"))),
        "address": {name: value for name, value in address.items() if value},
    }
    return {name: [one] for name, one in known.items() if one}


def letters(value: Any) -> str | None:
    """As Google Analytics wants names and places: in lower case, without digits and symbols."""
    return re.sub(r"\d", "", google_name(value) or "").strip() or None


def faults(body: Mapping[str, Any]) -> Iterator[Rejected]:
    """What Google's validation server would say of ``body``."""
    if not body.get("client_id") and not body.get("app_instance_id"):
        yield Rejected("VALUE_REQUIRED", "Map client_id: it says whose event it is.", "client_id")
    event, properties = body["events"][0], body.get("user_properties", {})
    yield from name_faults("events[0].name", event["name"], 40)
    if event["name"] in RESERVED_EVENTS:
        yield Rejected("NAME_RESERVED", f"{event['name']} is a name reserved by Google.", "events[0].name")
    yield from bag_faults("events[0].params", event["params"], MOST_PARAMS, 40, 100)
    plain = {name: value["value"] for name, value in properties.items()}
    yield from bag_faults("user_properties", plain, MOST_PROPERTIES, 24, 36)
    if "value" in event["params"] and "currency" not in event["params"]:
        yield Rejected("VALUE_REQUIRED", "A value needs its currency: map currency.", "events[0].params.currency")


def bag_faults(where: str, bag: Mapping[str, Any], most: int, longest: int, longest_value: int) -> Iterator[Rejected]:
    if len(bag) > most:
        yield Rejected("EXCEEDED_MAX_ENTITIES", f"{len(bag)} of them are more than the {most} allowed.", where)
    for name, value in bag.items():
        at = f"{where}.{name}"
        yield from name_faults(at, name, longest)
        if name.startswith(RESERVED_PREFIXES):
            yield Rejected("NAME_RESERVED", "Names that begin like this are reserved by Google.", at)
        yield from value_faults(at, name, value, longest_value)


def value_faults(at: str, name: str, value: Any, longest: int) -> Iterator[Rejected]:
    most = LONGEST.get(name, longest)
    if isinstance(value, str) and len(value) > most:
        yield Rejected("VALUE_OUT_OF_BOUNDS", f"A text has at most {most} characters here.", at)
    items = name == "items" and isinstance(value, list) and all(isinstance(item, Mapping) for item in value)
    if not items and not isinstance(value, str | int | float | bool):
        yield Rejected(
            "VALUE_INVALID", "A parameter is a text, a number, or yes or no; items is a list of objects.", at
        )


def name_faults(at: str, name: str, longest: int) -> Iterator[Rejected]:
    if not name:
        yield Rejected("VALUE_REQUIRED", "It needs a name.", at)
    elif not NAME.fullmatch(name):
        yield Rejected("NAME_INVALID", "A name has letters, digits and _, and begins with a letter.", at)
    if len(name) > longest:
        yield Rejected("VALUE_OUT_OF_BOUNDS", f"A name has at most {longest} characters here.", at)


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [GA4]
