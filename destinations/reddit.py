"""Reddit ads, by the Conversions API."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from ours.plugin import (
    IDENTIFY,
    NO_CONVERSION,
    USER_AGENT,
    Batching,
    Delivered,
    Delivery,
    Destination,
    Outcome,
    Rejected,
    Request,
    Response,
    Schema,
    Unknown,
    by_api_answer,
    click_id,
    fields,
    hookimpl,
    read_object,
    refused_together,
    to_json,
    usual,
    validate,
)
from ours.plugin import identifiers as ids
from ours.plugin.values import (
    address,
    currency,
    granted,
    known_name,
    number,
    objected,
    present,
    read_all,
    rows,
    text,
    unreadable,
    whole,
)

TYPES = {"ADD_TO_CART", "ADD_TO_WISHLIST", "LEAD", "PAGE_VISIT", "PURCHASE", "SEARCH", "SIGN_UP", "VIEW_CONTENT"}
SAME = {
    "complete_registration": "SIGN_UP", "generate_lead": "LEAD", "order_completed": "PURCHASE",
    "page_view": "PAGE_VISIT", "signup": "SIGN_UP", "view_item": "VIEW_CONTENT",
}  # fmt: skip
LONGEST_NAME = 64
STORE = "PHYSICAL_STORE"
SOURCES = ["WEBSITE", "APP", STORE, "OTHER"]
HASHED = ("email", "email_sha256", "phone", "external_id", "idfa", "aaid")
CLEAR = ("ip_address", "user_agent")
CONSENTS = ("ad_user_data", "ad_personalization")
EVENT = {"event_name", "conversion_id", "action_source", "event_source_url", "click_id", "limited_data_use", "country",
         "region", "uuid", *HASHED, *CLEAR, *CONSENTS}  # fmt: skip
NAMES_SOMEBODY = {"email", "phone_number", "external_id", "idfa", "aaid", "uuid"}
IN_A_STORE = {"email", "phone_number", "external_id"}
LINE = {
    "id": (text, ("id", "product_id", "item_id", "content_id", "sku")), "name": (text, ("name", "item_name")),
    "category": (text, ("category", "item_category")), "quantity": (whole, ("quantity",)),
    "item_price": (number, ("item_price", "price")),
}  # fmt: skip
METADATA: Mapping[str, Callable[[Any], Any]] = {
    "value": number, "currency": currency, "item_count": whole, "products": partial(rows, rules=LINE),
}  # fmt: skip
PROCESSED = re.compile(r"processed (\d{1,6}) conversion event", re.IGNORECASE)
FAULT = re.compile(r"\$\.data\.events\[(\d{1,4})\]\.?(.*)", re.DOTALL)
UUID = re.compile(r"(\d{1,20}\.)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Reddit(Destination):
    """Up to 1,000 events a request. Email, phone number, external id and a phone's id for ads leave as SHA-256 only,
    written as Reddit writes them. An `$identify` is no conversion and is passed over.

    Reddit knows `PAGE_VISIT`, `VIEW_CONTENT`, `SEARCH`, `ADD_TO_CART`, `ADD_TO_WISHLIST`, `LEAD`, `SIGN_UP` and
    `PURCHASE`; `AddToCart` is sent as one of them too. `Order Completed` is sent as `PURCHASE`, `CompleteRegistration`
    as `SIGN_UP`, `PageView` as `PAGE_VISIT`. Any other is rejected: rename it, or name it in the settings, and it is
    sent as a custom event of that name.

    Reddit marks as a duplicate what has the same type and `conversion_id` and came within two days, by its Pixel too:
    send your distinctId as the Pixel's `conversionId`.

    | field | what it is |
    |---|---|
    | `event_name`, `conversion_id` | as above, and what repeats are known by, else the delivery's id |
    | `email`, `phone`, `external_id` | hashed; the id with a key of yours, where one is set |
    | `email_sha256` | stands in where no `email` is known; matches no address with dots, other signs or `+suffix` \
before the `@` |
    | `idfa`, `aaid` (a phone's, for ads) | hashed; not mapped unless you do |
    | `click_id`, `user_agent` | in clear: the click (`rdt_cid`), and the browser |
    | `uuid` | in clear: what the Pixel's cookie `_rdt_uuid` holds, if you send it along as `rdt_uuid`; all else is \
left out |
    | `ip_address` | in clear; not mapped unless you do |
    | `event_source_url` | reduced to the site, unless the settings allow more |
    | `action_source` | `WEBSITE`, `APP`, `PHYSICAL_STORE` or `OTHER`, instead of what the settings say |
    | `limited_data_use` | yes in any spelling, and what can't be read: Reddit uses the event for less |
    | `ad_user_data`, `ad_personalization` | consent: a no, and what can't be read, asks for limited data use |
    | `country`, `region` | `US` and `US-CA`, in clear, and only with limited data use; not mapped unless you do |
    | `value`, `currency`, `item_count` | a number, three letters, a whole number |
    | `products` | a list of what was bought: `id` (or `product_id`, `item_id`, `sku`), `name`, `category`, \
`quantity`, `item_price`; the rest of it stays here. Not mapped unless you do |

    Of what happened in a `PHYSICAL_STORE` neither click nor browser nor a phone's id leaves, as Reddit asks. An event
    by which Reddit could match nobody is rejected here, and so is one with any other field: Reddit refuses a whole
    request for a field that it does not know. That those who denied consent are not sent at all is for a governance
    rule to say.

    | answer | what follows |
    |---|---|
    | 200 that says how many it processed, and it is all | delivered |
    | 200 and another number, or none | nobody knows which: tried again, Reddit drops what it has |
    | 400, 422 | the whole request was refused: those that Reddit names are rejected, the others sent again at once; \
where it names none, the wrong one is looked for in halves |
    | 401–405, 407, 410, 421, a redirect, a web page, a 4xx that is no JSON: token, pixel, address | after five in \
a row, it pauses |
    | 413; 429; 5xx | sent in smaller parts; the destination rests; tried again |

    A test id sends everything of this destination to *Event Testing* in the Events Manager, one event a request: take
    it out again, or nothing counts. Not yet run against the vendor; that it refuses what it does not know is as others
    tell it.
    """

    slug = "reddit"
    label = "Reddit Conversions API"
    summary = "Sends conversions to Reddit ads; whatever identifies a person is hashed."
    category = "advertising"
    identify = "skipped"
    dedupes = True
    max_age = 7 * 86_400.0
    batching = Batching(max_items=1000, max_bytes=1_000_000, atomic=True)
    hashed = HASHED
    agreement = "No business associate agreement is known: rename events, and map nothing that reveals a condition."
    default_mapping = {
        "event_name": "{{event.event}}",
        "conversion_id": "{{event.distinct_id}}",
        "email": "{{visitor.email}}",
        "email_sha256": "{{event.email || visitor.email_sha256}}",
        "phone": "{{visitor.phone_number}}",
        "external_id": "{{event.external_id}}",
        "click_id": click_id("rdt_cid"),
        "uuid": "{{event.default_properties.rdt_uuid || event.event_properties.rdt_uuid}}",
        "user_agent": USER_AGENT,
        "event_source_url": "{{event.default_properties.current_url}}",
        "value": "{{event.event_properties.value}}",
        "currency": "{{event.event_properties.currency}}",
        "ad_user_data": "{{visitor.consent.ad_user_data}}",
        "ad_personalization": "{{visitor.consent.ad_personalization}}",
    }

    class Settings(Schema):
        pixel_id = fields.String(required=True, validate=validate.Regexp(
            r"[0-9a-zA-Z_]{3,64}\Z", error="Must be a pixel's id."), metadata={
            "label": "Pixel id", "example": "a2_abc123def456", "help": "Events Manager, your Pixel."})  # fmt: skip
        access_token = usual.key("Conversion token", "Events Manager, Conversions API, Generate access token.")
        action_source = fields.String(load_default="WEBSITE", validate=validate.OneOf(SOURCES), metadata={
            "label": "Action source", "help": "Where the events happen, unless the mapping says it."})  # fmt: skip
        own_events = usual.own_events()
        url_detail = usual.url_detail()
        limited_data_use = fields.Boolean(load_default=False, metadata={
            "label": "Limited data use", "help": "Requested for every event."})  # fmt: skip
        external_id_key = usual.external_id_key("Reddit")
        phone_region = usual.phone_region()
        test_id = fields.String(metadata={
            "label": "Test id", "help": "From Event Testing in the Events Manager."})  # fmt: skip
        api_version = usual.api_version("v3")
        endpoint = usual.endpoint("https://ads-api.reddit.com", "Reddit")

    def item(self, delivery: Delivery) -> Any:
        given, settings = delivery.fields, delivery.settings
        if delivery.event.name == IDENTIFY:
            return NO_CONVERSION
        metadata = metadata_of(given)
        if isinstance(metadata, Rejected):
            return metadata
        source = text(given.get("action_source")) or settings["action_source"]
        event = {
            "event_at": delivery.event.occurred_at,
            "action_source": source,
            "type": type_of(known_name(given.get("event_name"), TYPES, SAME, settings["own_events"])),
            "event_source_url": address(given.get("event_source_url"), settings["url_detail"]),
            "click_id": text(given.get("click_id")) if source != STORE else None,
            "metadata": {"conversion_id": text(given.get("conversion_id")) or delivery.id, **metadata},
            "user": user(given, settings, IN_A_STORE if source == STORE else {*NAMES_SOMEBODY, *CLEAR}),
        }
        return wrong(event) or present(event)

    def group(self, delivery: Delivery) -> str:
        return delivery.id if delivery.settings.get("test_id") else ""

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        data = present({"test_id": settings.get("test_id") or None, "events": list(items)})
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {settings['access_token'].reveal()}"}
        path = f"api/{settings['api_version']}/pixels/{settings['pixel_id']}/conversion_events"
        return Request("POST", f"{settings['endpoint'].rstrip('/')}/{path}", headers=headers,
                       data=to_json({"data": data}))  # fmt: skip

    def read_batch(self, response: Response, items: Sequence[Any]) -> Outcome | Sequence[Outcome]:
        answer, count = read_object(response), len(items)
        told = PROCESSED.search(said_in(answer, "data") or "")
        outcome = by_api_answer(response, taken=told is not None)
        if response.status_code in (400, 422) and isinstance(outcome, Rejected):
            return refused(response, answer, count)
        if told and isinstance(outcome, Delivered) and int(told[1]) != count:
            return Unknown("count_differs", f"Reddit says it processed {told[1]} of {count} events.")
        return outcome


def type_of(name: str | None) -> dict[str, str]:
    if not name or name in TYPES:
        return {"tracking_type": name} if name else {}
    return {"tracking_type": "CUSTOM", "custom_event_name": name}


def user(given: Mapping[str, Any], settings: Mapping[str, Any], allowed: set[str]) -> dict[str, Any]:
    """Whom it is about, as far as anything of it can be read and is ``allowed``."""
    phone = partial(ids.phone, region=settings.get("phone_region"))
    found = {
        "email": ids.hashed(given.get("email"), email) or ids.hashed(given.get("email_sha256"), email),
        "phone_number": ids.hashed(given.get("phone"), phone),
        "external_id": ids.external_id(given.get("external_id"), settings.get("external_id_key")),
        "idfa": ids.hashed(given.get("idfa"), lambda value: (ids.plain(value) or "").upper()),
        "aaid": ids.hashed(given.get("aaid"), lambda value: (ids.plain(value) or "").lower()),
        "uuid": uuid(given.get("uuid")),
    } | {name: text(given.get(name)) for name in CLEAR}
    limited = limits(given, asked=settings["limited_data_use"])
    return present({name: value for name, value in found.items() if name in allowed}) | limited


def email(value: Any) -> str | None:
    """No ``+suffix``, and nothing but letters and digits in front of the ``@``, whatever the domain."""
    local, _, domain = (ids.stripped_email(value) or "").partition("@")
    kept = re.sub(r"[^a-z0-9]", "", local)
    return f"{kept}@{domain}" if kept else None


def uuid(value: Any) -> str | None:
    """As the Pixel's cookie holds it, ``1677712978045.b8f7eb7d-b357-437b-8bd3-e1c8166c7132``."""
    written = text(value) or ""
    return written if UUID.fullmatch(written) else None


def limits(given: Mapping[str, Any], *, asked: bool) -> dict[str, Any]:
    """Limited data use, where the settings ask for it, or somebody denied or objected."""
    denied = any(granted(given.get(name)) is False for name in CONSENTS)
    if not (asked or denied or objected(given.get("limited_data_use"))):
        return {}
    country = (ids.country_code(given.get("country")) or "").upper() or None
    options = {"modes": ["LDU"], "country": country, "region": text(given.get("region"))}
    return {"data_processing_options": present(options)}


def metadata_of(given: Mapping[str, Any]) -> dict[str, Any] | Rejected:
    own = {name: value for name, value in given.items() if name not in EVENT}
    if strange := min(own.keys() - METADATA.keys(), default=None):
        return Rejected("unknown_field", f"Reddit would refuse the whole request for {strange}.", strange)
    read, unread = read_all(own, METADATA)
    return unreadable(unread, METADATA[unread]) if unread else present(read)


def wrong(event: Mapping[str, Any]) -> Rejected | None:
    """Why Reddit would refuse it, or could do nothing with it."""
    person = event["user"].keys()
    if not event["type"]:
        return Rejected("unknown_event_name", f"Reddit knows {', '.join(sorted(TYPES))}.", "event_name")
    if len(event["type"].get("custom_event_name", "")) > LONGEST_NAME:
        return Rejected("long_event_name", f"Reddit takes names of up to {LONGEST_NAME} signs.", "event_name")
    if event["action_source"] not in SOURCES:
        return Rejected("unknown_action_source", f"Reddit knows {', '.join(SOURCES)}.", "action_source")
    if not (event["click_id"] or person & NAMES_SOMEBODY or {"ip_address", "user_agent"} <= person):
        return Rejected("no_user_data", "Nothing is known about the visitor that Reddit could match.", "user_data")
    return None


def refused(response: Response, answer: Mapping[str, Any], count: int) -> Outcome | Sequence[Outcome]:
    """None was taken. Those that Reddit names are rejected, by the first fault of each."""
    status = response.status_code
    code, said = f"http_{status}", said_in(answer, "error") or text(answer.get("message"))
    named: dict[int, Outcome] = {}
    for index, field, fault in faults(answer):
        if index < count:
            named.setdefault(index, Rejected(code, fault, field))
    if named and count > 1:
        return refused_together(named, count, "Reddit")
    return named.get(0) or Rejected(code, said or f"Reddit answered {status}.")


def faults(answer: Mapping[str, Any]) -> Iterator[tuple[int, str | None, str]]:
    """Position, field and what is wrong with it."""
    error = answer.get("error")
    told = error.get("fields") if isinstance(error, Mapping) else None
    for one in told if isinstance(told, list) else ():
        at = FAULT.fullmatch(text(one.get("field")) or "") if isinstance(one, Mapping) else None
        if at:
            yield int(at[1]), at[2] or None, text(one.get("message")) or "Reddit does not say what is wrong with it."


def said_in(answer: Mapping[str, Any], name: str) -> str | None:
    part = answer.get(name)
    return text(part.get("message")) if isinstance(part, Mapping) else None


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [Reddit]
