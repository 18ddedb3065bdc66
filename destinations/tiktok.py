"""TikTok ads, by the Events API 2.0."""

import re
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
    Retry,
    Schema,
    Unauthorized,
    Unknown,
    by_api_answer,
    by_api_code,
    click_id,
    fields,
    hookimpl,
    rate_limit_after,
    read_object,
    refused_together,
    retry_after,
    to_json,
    usual,
    validate,
)
from ours.plugin import identifiers as ids
from ours.plugin.values import (
    address,
    currency,
    granted,
    number,
    objected,
    present,
    read_all,
    rows,
    text,
    unreadable,
    whole,
)

CLEAR = ("ttclid", "ttp", "ip", "user_agent", "locale")
CONSENTS = ("ad_user_data", "ad_personalization")
EVENT = {"event", "event_id", "email", "email_sha256", "phone", "external_id", "first_name", "last_name", "zip", "city",
         "state", "country", "url", "referrer", "lead_id", "lead_event_source", "limited_data_use", *CONSENTS,
         *CLEAR}  # fmt: skip
MATCHES = {"email", "phone", "external_id", "ttclid", "ttp"}
LINE = {
    "content_id": (text, ("content_id", "product_id", "item_id", "sku", "id")),
    "content_name": (text, ("content_name", "name")),
    "content_category": (text, ("content_category", "category")),
    "brand": (text, ("brand",)),
    "price": (number, ("price",)),
    "quantity": (whole, ("quantity",)),
}
PROPERTIES: Mapping[str, Callable[[Any], Any]] = {
    "value": number, "predicted_ltv": number, "num_items": whole, "currency": currency, "order_id": text,
    "shop_id": text, "contents": partial(rows, rules=LINE),
}  # fmt: skip
TOO_FAST = {40100, 40016, 40133}  # the last two are hearsay
NO_ACCESS, FOR_NOW, PARTLY = {40001, *range(40101, 40106)}, {40700}, 20001
INDEX = re.compile(r"\b(?:batch|data)[.\[](\d{1,4})\]?[.:]?\s*([\w.\[\]]*)", re.IGNORECASE)
SETTINGS_WRONG = re.compile(r"\bevent_source(_id)?\b|\btest_event_code\b")


class TikTok(Destination):
    """Up to 1,000 events a request. Email, phone number, names, postal code and external id leave as SHA-256 only,
    written as TikTok writes them. TikTok drops a repeat of the same `event` and `event_id` within 48 hours, from a
    Pixel too: send your distinctId as the Pixel's `event_id`. An `$identify` is no conversion and is passed over.

    A field that is none of the following goes into `properties`.

    | field | what it is |
    |---|---|
    | `event`, `event_id` | `Purchase`, `Lead` and so on, and what repeats are dropped by, else the delivery's id |
    | `email`, `phone`, `first_name`, `last_name`, `zip` | hashed |
    | `email_sha256` | stands in where no `email` is known |
    | `external_id` | hashed as it is; with a key of yours, where one is set |
    | `ttclid`, `ttp`, `user_agent` | in clear: the click, the Pixel's cookie and the browser |
    | `ip`, `locale`, `city`, `state`, `country` | in clear; not mapped unless you do |
    | `url`, `referrer` | reduced to the site, unless the settings allow more; `referrer` is not mapped unless you do |
    | `value`, `currency` | a number and three letters; a value needs its currency |
    | `order_id`, `shop_id` | a text, or a whole number; all else is rejected |
    | `contents` | a list of what was bought: `content_id` (or `product_id`, `item_id`, `sku`, `id`), `content_name`, \
`content_category`, `brand`, `price`, `quantity`; the rest of it stays here. Not mapped unless you do |
    | `lead_id`, `lead_event_source` | a lead's, where the event source is `crm` |
    | `limited_data_use` | yes in any spelling, and what can't be read: TikTok uses the event for less |
    | `ad_user_data`, `ad_personalization` | consent: a no, and what can't be read, asks for limited data use |

    Limited data use is TikTok's answer to the laws of some states of the US, and elsewhere may change nothing. That
    those who denied consent are not sent at all is for a governance rule to say.

    An event by which TikTok could match nobody is rejected here. One event that is wrong makes TikTok refuse the whole
    request: that one is rejected where TikTok names it, and otherwise it is looked for in halves.

    TikTok answers 200 to nearly everything and says in the body's `code` what it means:

    | code | what follows |
    |---|---|
    | 0 | delivered, with TikTok's `request_id` |
    | 20001: some were taken | all are sent again in halves, and TikTok drops what it has; alone, it is rejected |
    | 40100, 40016, 40133, status 429 | we were too fast: the destination rests |
    | 40700, 50000 and more, 5xx, 200 without a code | tried again |
    | 40001, 40101–40105, 401–405, 407, 410, 421, a redirect, a web page, a 4xx that is no JSON: token, rights, \
pixel, address; a message \
about `event_source_id` | after five in a row, it pauses |
    | all else, 40002 among them | rejected, alone |

    A test event code sends everything of this destination to *Test events* in the Events Manager, one event a request.
    Events of apps are not sent. Not yet run against the vendor; limits and codes are as other connectors know them.
    """

    slug = "tiktok"
    label = "TikTok Events API"
    summary = "Sends conversions to TikTok ads; whatever identifies a person is hashed."
    category = "advertising"
    identify = "skipped"
    dedupes = True
    max_age = 28 * 86_400.0
    batching = Batching(max_items=1000, max_bytes=1_000_000, atomic=True)
    hashed = ("email", "email_sha256", "phone", "external_id", "first_name", "last_name", "zip")
    agreement = (
        "No business associate agreement of TikTok's is known, and TikTok asks not to be sent sensitive data:"
        " rename events, and map nothing that reveals a condition."
    )
    default_mapping = {
        "event": "{{event.event}}",
        "event_id": "{{event.distinct_id}}",
        "email": "{{visitor.email}}",
        "email_sha256": "{{event.email || visitor.email_sha256}}",
        "phone": "{{visitor.phone_number}}",
        "external_id": "{{event.external_id}}",
        "first_name": "{{visitor.first_name}}",
        "last_name": "{{visitor.last_name}}",
        "zip": "{{visitor.zip}}",
        "ttclid": click_id("ttclid"),
        "ttp": "{{event.default_properties.ttp || event.event_properties.ttp}}",
        "user_agent": USER_AGENT,
        "url": "{{event.default_properties.current_url}}",
        "value": "{{event.event_properties.value}}",
        "currency": "{{event.event_properties.currency}}",
        "order_id": "{{event.event_properties.order_id}}",
        "ad_user_data": "{{visitor.consent.ad_user_data}}",
        "ad_personalization": "{{visitor.consent.ad_personalization}}",
    }

    class Settings(Schema):
        event_source_id = fields.String(required=True, validate=validate.Regexp(
            re.compile(r"\w{5,100}\Z", re.ASCII), error="Must be a pixel's code or an event set's id."), metadata={
            "label": "Pixel code", "example": "CABCDEFGHIJKLMNOPQRS",
            "help": "Events Manager, your pixel; or the id of an offline or CRM event set."})  # fmt: skip
        access_token = usual.key("Access token", "Events Manager, Settings, Generate access token.")
        event_source = fields.String(load_default="web", validate=validate.OneOf(["web", "offline", "crm"]), metadata={
            "label": "Event source", "help": "Where the events happen."})  # fmt: skip
        url_detail = usual.url_detail()
        limited_data_use = fields.Boolean(load_default=False, metadata={
            "label": "Limited data use", "help": "Requested for every event."})  # fmt: skip
        external_id_key = usual.external_id_key("TikTok")
        phone_region = usual.phone_region()
        test_event_code = fields.String(metadata={
            "label": "Test event code", "help": "From Test events in the Events Manager."})  # fmt: skip
        api_version = usual.api_version("v1.3")
        endpoint = usual.endpoint("https://business-api.tiktok.com", "TikTok")

    def item(self, delivery: Delivery) -> Any:
        given, settings = delivery.fields, delivery.settings
        if delivery.event.name == IDENTIFY:
            return NO_CONVERSION
        properties = properties_of(given)
        if isinstance(properties, Rejected):
            return properties
        detail = settings["url_detail"]
        event = {
            "event": text(given.get("event")),
            "event_time": delivery.event.occurred_at // 1000,
            "event_id": text(given.get("event_id")) or delivery.id,
            "user": user(given, settings),
            "properties": properties,
            "page": present({name: address(given.get(name), detail) for name in ("url", "referrer")}),
            "lead": present({name: text(given.get(name)) for name in ("lead_id", "lead_event_source")}),
            "limited_data_use": settings["limited_data_use"] or limited(given) or None,
        }
        return wrong(event) or present(event)

    def group(self, delivery: Delivery) -> str:
        return delivery.id if delivery.settings.get("test_event_code") else ""

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        body = {"event_source": settings["event_source"], "event_source_id": settings["event_source_id"],
                "data": list(items)}  # fmt: skip
        if code := settings.get("test_event_code"):
            body["test_event_code"] = code
        headers = {"Content-Type": "application/json", "Access-Token": settings["access_token"].reveal()}
        url = f"{settings['endpoint'].rstrip('/')}/open_api/{settings['api_version']}/event/track/"
        return Request("POST", url, headers=headers, data=to_json(body))

    def read_batch(self, response: Response, items: Sequence[Any]) -> Outcome | Sequence[Outcome]:
        outcome, answer = by_api_answer(response, taken=True), read_object(response)
        code = answer.get("code")
        if type(code) is not int:
            missing = Unknown("no_code", "TikTok's answer has no code, which would say what became of it.")
            return missing if isinstance(outcome, Delivered) else outcome
        if code == 0:
            note = text(answer.get("request_id")) or ""
            return Delivered(note) if isinstance(outcome, Delivered) else outcome
        return verdict(code, text(answer.get("message")) or f"TikTok answered {code}.", response, len(items))


def user(given: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Whom it is about, as far as anything of it can be read."""
    phone = partial(ids.phone, region=settings.get("phone_region"))
    return present({
        "email": ids.hashed(given.get("email"), ids.email) or ids.hashed(given.get("email_sha256"), ids.email),
        "phone": ids.hashed(given.get("phone"), phone),
        "external_id": ids.external_id(given.get("external_id"), settings.get("external_id_key")),
        "first_name": ids.hashed(given.get("first_name"), ids.squeezed),
        "last_name": ids.hashed(given.get("last_name"), ids.squeezed),
        "zip_code": ids.hashed(given.get("zip"), ids.squeezed),
        "city": ids.place(given.get("city")),
        "state": ids.place(given.get("state")),
        "country": ids.country_code(given.get("country")),
    } | {name: text(given.get(name)) for name in CLEAR})  # fmt: skip


def properties_of(given: Mapping[str, Any]) -> dict[str, Any] | Rejected:
    """Every field that is nothing else: those that TikTok wants in a form of their own, and all others as mapped."""
    own = {name: value for name, value in given.items() if name not in EVENT}
    read, unread = read_all(own, PROPERTIES)
    return unreadable(unread, PROPERTIES[unread]) if unread else present(read)


def limited(given: Mapping[str, Any]) -> bool:
    denied = any(granted(given.get(name)) is False for name in CONSENTS)
    return denied or objected(given.get("limited_data_use"))


def wrong(event: Mapping[str, Any]) -> Rejected | None:
    """Why TikTok would refuse it, or could do nothing with it."""
    person = event["user"].keys()
    if not event["event"]:
        return Rejected("no_event", "The mapping gives no name for this event.", "event")
    if not (person & MATCHES or {"ip", "user_agent"} <= person or "lead_id" in event["lead"]):
        return Rejected("no_user_data", "Nothing is known about the visitor that TikTok could match.", "user_data")
    if "value" in event["properties"] and "currency" not in event["properties"]:
        return Rejected("no_currency", "A value needs its currency: map currency.", "currency")
    return None


def verdict(code: int, said: str, response: Response, count: int) -> Outcome | Sequence[Outcome]:
    """By TikTok's own code. The whole request was refused: where the message names the culprit, the others go again."""
    word, status = f"tiktok_{code}", response.status_code
    if code in TOO_FAST or status == 429:
        return Retry(word, said, rate_limit_after(response), throttle=True)
    if code in FOR_NOW or code >= 50_000:
        return Retry(word, said, retry_after(response))
    if code in NO_ACCESS or SETTINGS_WRONG.search(said):
        return Unauthorized(word, said)
    outcome = by_api_code(response, word, said)
    if not isinstance(outcome, Rejected):
        return outcome
    named = INDEX.search(said) if code != PARTLY else None
    if named and int(named[1]) < count:
        return refused_together({int(named[1]): Rejected(word, said, named[2] or None)}, count, "TikTok")
    return outcome


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [TikTok]
