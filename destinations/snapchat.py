"""Snapchat ads, by the Conversions API."""

from collections.abc import Callable, Mapping, Sequence
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
    to_json,
    usual,
    validate,
)
from ours.plugin import identifiers as ids
from ours.plugin.values import (
    address,
    amount,
    currency,
    granted,
    known_name,
    number,
    objected,
    present,
    read_all,
    rows,
    text,
    texts,
    unreadable,
    whole,
    word,
)

EVENTS = {
    "ACHIEVEMENT_UNLOCKED", "ADD_BILLING", "ADD_CART", "ADD_TO_WISHLIST", "AD_CLICK", "AD_VIEW", "COMPLETE_TUTORIAL",
    "CUSTOM_EVENT_1", "CUSTOM_EVENT_2", "CUSTOM_EVENT_3", "CUSTOM_EVENT_4", "CUSTOM_EVENT_5", "INVITE",
    "LEVEL_COMPLETE", "LIST_VIEW", "LOGIN", "PAGE_VIEW", "PURCHASE", "RATE", "RESERVE", "SAVE", "SEARCH", "SHARE",
    "SIGN_UP", "SPENT_CREDITS", "START_CHECKOUT", "START_TRIAL", "SUBSCRIBE", "VIEW_CONTENT",
}  # fmt: skip
SAME = {
    "add_payment_info": "ADD_BILLING", "add_to_cart": "ADD_CART", "begin_checkout": "START_CHECKOUT",
    "complete_registration": "SIGN_UP", "generate_lead": "SIGN_UP", "initiate_checkout": "START_CHECKOUT",
    "lead": "SIGN_UP", "order_completed": "PURCHASE", "signup": "SIGN_UP", "view_item": "VIEW_CONTENT",
    "view_item_list": "LIST_VIEW",
}  # fmt: skip
SOURCES = ["WEB", "OFFLINE"]
HASHED = ("email", "email_sha256", "phone", "first_name", "last_name", "gender", "city", "state", "zip", "country",
          "external_id")  # fmt: skip
CLEAR = ("client_ip_address", "client_user_agent", "sc_click_id", "sc_cookie1")
CONSENTS = ("ad_user_data", "ad_personalization")
EVENT = {"event_name", "event_id", "action_source", "event_source_url", "opt_out", *HASHED, *CLEAR, *CONSENTS}
LINE = {
    "id": (text, ("id", "product_id", "item_id", "content_id", "sku")), "brand": (text, ("brand", "item_brand")),
    "item_price": (amount, ("item_price", "price")), "quantity": (amount, ("quantity",)),
    "delivery_category": (text, ("delivery_category",)),
}  # fmt: skip
CUSTOM: Mapping[str, Callable[[Any], Any]] = {
    "value": number, "predicted_ltv": number, "currency": currency, "order_id": text, "num_items": whole,
    "content_ids": texts, "contents": partial(rows, rules=LINE),
}  # fmt: skip


class Snapchat(Destination):
    """Up to 2,000 events a request. Email, phone number, names, place and external id leave as SHA-256 only, written as
    Snapchat writes them. An `$identify` is no conversion and is passed over.

    Snapchat knows 29 events, such as `ADD_CART`, as which `AddToCart` is sent too. `Order Completed` is sent as
    `PURCHASE`, `Lead` and `CompleteRegistration` as `SIGN_UP`, `InitiateCheckout` as `START_CHECKOUT`, `AddPaymentInfo`
    as `ADD_BILLING`. Any other is rejected, with the list of them: rename it, `CUSTOM_EVENT_1` to `CUSTOM_EVENT_5` are
    for it, or name it in the settings. A field that is none of the following goes into `custom_data`.

    | field | what it is |
    |---|---|
    | `event_name`, `event_id` | as above, and what the Pixel's `client_dedup_id` and this are compared by, else the \
delivery's id |
    | `email`, `phone`, `first_name`, `last_name`, `city`, `state`, `zip`, `country`, `external_id` | hashed |
    | `email_sha256` | stands in where no `email` is known |
    | `gender` | hashed; not mapped unless you do |
    | `sc_click_id`, `client_user_agent` | in clear: the click (`sccid`), and the browser |
    | `sc_cookie1` | in clear: what the Pixel's cookie `_scid` holds, if you send it along |
    | `client_ip_address` | in clear; not mapped unless you do |
    | `event_source_url` | reduced to the site, unless the settings allow more; a `WEB` event must have it |
    | `action_source` | `WEB` or `OFFLINE`, instead of what the settings say |
    | `opt_out` | yes in any spelling, and what can't be read: this visitor objects |
    | `ad_user_data`, `ad_personalization` | consent: a no, and what can't be read, is an `opt_out` |
    | `value`, `currency` | a number and three letters. A `PURCHASE` must have both |
    | `order_id` | a text, or a whole number; all else is rejected |
    | `num_items`, `content_ids`, `predicted_ltv` | a whole number, a list of texts, a number |
    | `contents` | a list of what was bought: `id` (or `product_id`, `item_id`, `sku`), `item_price`, `quantity`, \
`brand`, `delivery_category`; the rest of it stays here. Not mapped unless you do |

    Snapchat wants an email, a phone number, or an IP address with a browser. An `opt_out` leaves with a request for
    limited data use, `LDU`; what Snapchat still does with such an event, it does not say. That those who denied consent
    are not sent at all is for a governance rule to say.

    Snapchat compares events with its Pixel's, and promises nothing for one that comes twice by this API. So a try that
    got no answer waits for a person.

    | answer | what follows |
    |---|---|
    | 200 with `VALID` | delivered |
    | 200 or 400 with `INVALID`, 400, 422 | the whole request was refused: looked for in halves, and the wrong one \
rejected alone |
    | 200 without a status | nobody knows: a person decides |
    | 401–405, 407, 410, 421, a redirect, a web page, a 4xx that is no JSON: token, pixel, address | after five in \
a row, it pauses |
    | 413; 429; 5xx | sent in smaller parts; the destination rests; tried again |

    A test sends each event alone to Snapchat's own check, which shows it in the Events Manager and counts none. Events
    of apps are not sent. Not yet run against the vendor; how a place is written and how much a request may hold are as
    other connectors know them.
    """

    slug = "snapchat"
    label = "Snapchat Conversions API"
    summary = "Sends conversions to Snapchat ads; whatever identifies a person is hashed."
    category = "advertising"
    identify = "skipped"
    max_age = 37 * 86_400.0
    batching = Batching(max_items=2000, max_bytes=1_000_000, atomic=True)
    hashed = HASHED
    agreement = "No business associate agreement is known: rename events, and map nothing that reveals a condition."
    default_mapping = {
        "event_name": "{{event.event}}",
        "event_id": "{{event.distinct_id}}",
        "email": "{{visitor.email}}",
        "email_sha256": "{{event.email || visitor.email_sha256}}",
        "phone": "{{visitor.phone_number}}",
        "first_name": "{{visitor.first_name}}",
        "last_name": "{{visitor.last_name}}",
        "city": "{{visitor.city}}",
        "state": "{{visitor.state}}",
        "zip": "{{visitor.zip}}",
        "country": "{{visitor.country}}",
        "external_id": "{{event.external_id}}",
        "sc_click_id": click_id("sccid"),
        "sc_cookie1": "{{event.default_properties.sc_cookie1 || event.event_properties.sc_cookie1}}",
        "client_user_agent": USER_AGENT,
        "event_source_url": "{{event.default_properties.current_url}}",
        "value": "{{event.event_properties.value}}",
        "currency": "{{event.event_properties.currency}}",
        "order_id": "{{event.event_properties.order_id}}",
        "ad_user_data": "{{visitor.consent.ad_user_data}}",
        "ad_personalization": "{{visitor.consent.ad_personalization}}",
    }

    class Settings(Schema):
        pixel_id = fields.String(required=True, validate=validate.Regexp(
            r"[0-9a-zA-Z-]{8,64}\Z", error="Must be a pixel's id."), metadata={
            "label": "Pixel id", "example": "67d34640-b7a4-4c54-a5a0-2b3c4d5e6f70",
            "help": "Ads Manager, Events Manager, your Pixel."})  # fmt: skip
        access_token = usual.key("Access token", "Ads Manager, Business Details, Conversions API Tokens.")
        action_source = fields.String(load_default="WEB", validate=validate.OneOf(SOURCES), metadata={
            "label": "Action source", "help": "Where the events happen, unless the mapping says it."})  # fmt: skip
        own_events = usual.own_events()
        url_detail = usual.url_detail()
        limited_data_use = fields.Boolean(load_default=False, metadata={
            "label": "Limited data use", "help": "Requested for every event."})  # fmt: skip
        external_id_key = usual.external_id_key("Snapchat")
        phone_region = usual.phone_region()
        test_mode = fields.Boolean(load_default=False, metadata={
            "label": "Test", "help": "Snapchat checks the events and counts none."})  # fmt: skip
        api_version = usual.api_version("v3")
        endpoint = usual.endpoint("https://tr.snapchat.com", "Snapchat")

    def item(self, delivery: Delivery) -> Any:
        given, settings = delivery.fields, delivery.settings
        if delivery.event.name == IDENTIFY:
            return NO_CONVERSION
        custom, unread = read_all({name: value for name, value in given.items() if name not in EVENT}, CUSTOM)
        if unread:
            return unreadable(unread, CUSTOM[unread])
        out = objected(given.get("opt_out")) or any(granted(given.get(name)) is False for name in CONSENTS)
        event = {
            "event_name": known_name(given.get("event_name"), EVENTS, SAME, settings["own_events"]),
            "event_time": delivery.event.occurred_at // 1000,
            "event_id": text(given.get("event_id")) or delivery.id,
            "action_source": text(given.get("action_source")) or settings["action_source"],
            "event_source_url": address(given.get("event_source_url"), settings["url_detail"]),
            "opt_out": out or None,
            "data_processing_options": ["LDU"] if out or settings["limited_data_use"] else None,
            "user_data": user_data(given, settings),
            "custom_data": present({name: value for name, value in custom.items() if value != ""}),
        }
        return wrong(event) or present(event)

    def group(self, delivery: Delivery) -> str:
        return delivery.id if delivery.settings["test_mode"] else ""

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        path = "events/validate" if settings["test_mode"] else "events"
        url = f"{settings['endpoint'].rstrip('/')}/{settings['api_version']}/{settings['pixel_id']}/{path}"
        query, headers = {"access_token": settings["access_token"].reveal()}, {"Content-Type": "application/json"}
        return Request("POST", url, params=query, headers=headers, data=to_json({"data": list(items)}))

    def read_batch(self, response: Response, items: Sequence[Any]) -> Outcome:  # noqa: ARG002
        answer = read_object(response)
        outcome = by_api_answer(response, taken=answer.get("status") == "VALID")
        if isinstance(outcome, Delivered):
            return Delivered("; ".join(logged(answer, "warnings")))
        no = answer.get("status") == "INVALID" and isinstance(outcome, Unknown)
        no = no or (response.status_code in (400, 422) and isinstance(outcome, Rejected))
        return refused(response, answer) if no else outcome


def user_data(given: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Whom it is about, as far as anything of it can be read: lists of hashes, and what leaves in clear."""
    postal_code, state = (partial(rule, country=given.get("country")) for rule in (ids.postal_code, ids.state))
    phone = partial(ids.phone_digits, region=settings.get("phone_region"))
    rules: dict[str, tuple[str, Callable[[Any], str | None]]] = {
        "ph": ("phone", phone), "fn": ("first_name", ids.name), "ln": ("last_name", ids.name),
        "ge": ("gender", ids.gender), "ct": ("city", ids.place), "st": ("state", state), "zp": ("zip", postal_code),
        "country": ("country", ids.country_code),
    }  # fmt: skip
    found = {name: ids.hashed(given.get(field), rule) for name, (field, rule) in rules.items()}
    found["em"] = ids.hashed(given.get("email"), ids.email) or ids.hashed(given.get("email_sha256"), ids.email)
    clear = {name: text(given.get(name)) for name in CLEAR}
    clear["external_id"] = ids.external_id(given.get("external_id"), settings.get("external_id_key"))
    return {name: [one] for name, one in found.items() if one} | present(clear)


def wrong(event: Mapping[str, Any]) -> Rejected | None:
    """Why Snapchat would refuse it, or could do nothing with it."""
    person, custom = event["user_data"].keys(), event["custom_data"]
    if not event["event_name"]:
        return Rejected("unknown_event_name", f"Snapchat knows {', '.join(sorted(EVENTS))}.", "event_name")
    if event["action_source"] not in SOURCES:
        return Rejected("unknown_action_source", f"It is one of {', '.join(SOURCES)}.", "action_source")
    if not (person & {"em", "ph"} or {"client_ip_address", "client_user_agent"} <= person):
        said = "An email, a phone number, or an IP address with a browser must be known."
        return Rejected("no_user_data", said, "user_data")
    if event["action_source"] == "WEB" and not event["event_source_url"]:
        said = "A WEB event needs event_source_url: map it (your site's address will do), or send it as OFFLINE."
        return Rejected("no_event_source_url", said, "event_source_url")
    if event["event_name"] == "PURCHASE" and not ("value" in custom and "currency" in custom):
        return Rejected("no_value", "A PURCHASE needs a value and a currency.", "custom_data")
    return None


def refused(response: Response, answer: Mapping[str, Any]) -> Rejected:
    """None of them was taken."""
    errors = answer.get("errors")
    told = errors if isinstance(errors, Mapping) else {}
    codes, said = texts(told.get("codes")) or [], texts(told.get("error_msgs")) or logged(answer, "errors")
    code = f"snapchat_{word(codes[0])}" if codes else f"http_{response.status_code}"
    message = "; ".join(said) or text(answer.get("reason")) or f"Snapchat answered {response.status_code}."
    return Rejected(code, message)


def logged(answer: Mapping[str, Any], kind: str) -> list[str]:
    """What its check says of an event: ``warnings`` or ``errors``."""
    logs = answer.get("event_logs")
    said = [one.get(kind) for one in logs if isinstance(one, Mapping)] if isinstance(logs, list) else []
    found = [one.get("error_msgs") if isinstance(one, Mapping) else one for one in said]
    return [line for one in found for line in (texts(one) or [])]


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [Snapchat]
