"""Microsoft Advertising, by the UET Conversions API."""

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
    Retry,
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
from ours.plugin.values import address, currency, granted, number, present, read_all, text, unreadable

CUSTOM, PAGE = "custom", "pageLoad"
CLEAR = {"anonymous_id": "anonymousId", "idfa": "idfa", "gaid": "gaid",
         "client_user_agent": "clientUserAgent", "client_ip_address": "clientIpAddress"}  # fmt: skip
CONSENTS = ("ad_storage", "ad_user_data", "ad_personalization")
ALONE_NOBODY = {"clientUserAgent", "clientIpAddress"}
EVENT = {"event_type", "event_name", "event_id", "event_source_url", "referrer_url", "page_title", "page_load_id",
         "email", "email_sha256", "phone", "external_id", "msclkid", *CONSENTS, *CLEAR}  # fmt: skip
SUMS, RENAMED = ("value", "eventValue", "ecommTotalValue"), {"order_id": "transactionId"}
RULES: Mapping[str, Callable[[Any], Any]] = {**dict.fromkeys(SUMS, number), "currency": currency, "order_id": text}
MSCLKID = re.compile(r"(?i)(?:_uet)?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})")
TIME = "InvalidEventTime"
PLACE = re.compile(r"data\[\d{1,4}\]\.")


class MicrosoftUET(Destination):
    """Up to 1,000 events a request. Email, phone number and external id leave as SHA-256 only, written as Microsoft
    writes them.

    An account has the Conversions API when its UET tag's set-up offers *Use Conversions API*; the token there is that
    of the tag. Microsoft drops a repeat of the same `event_name` and `event_id` for the same tag, the tag's own events
    in the browser too: send your distinctId as its `event_id`.

    A field that is none of the following goes into `customData`: `eventCategory`, `pageType`, `items` and so on.

    | field | what it is |
    |---|---|
    | `event_name`, `event_id` | what conversion goals go by, and the distinctId, or else the delivery's id |
    | `email`, `phone` | hashed |
    | `email_sha256` | stands in where no `email` is known; matches no address with dots or `+suffix` before the `@` |
    | `msclkid` | the click, in clear, as the UUID that it is |
    | `client_user_agent` | in clear |
    | `event_source_url`, `referrer_url` | reduced to the site, unless the settings allow more; the second not mapped \
unless you do |
    | `ad_storage`, `ad_user_data`, `ad_personalization` | consent: one no is a no, and so is what can't be read |
    | `value`, `currency` | what it is worth: a number and three letters |
    | `order_id` | the transaction: a text, or a whole number; all else is rejected |
    | `external_id` | hashed; with a key of yours, where one is set; not mapped unless you do |
    | `anonymous_id`, `idfa`, `gaid`, `client_ip_address` | in clear; not mapped unless you do |
    | `event_type`, `page_load_id`, `page_title` | `custom` or `pageLoad`, and a page's; not mapped unless you do |

    Where none of the three is known, Microsoft takes consent for granted. What is denied is sent as denied, and
    Microsoft uses it for no advertising; to keep it here, add a governance rule.

    An `$identify` is no conversion and is passed over. Rejected here is what names nobody: the user agent and the IP
    address alone will not do. One event that is wrong makes Microsoft refuse the whole request, and tell of the first
    ten faults in it: those events are rejected, the others are sent again at once.

    | answer | what follows |
    |---|---|
    | 200 and as many `eventsReceived` as were sent | delivered; a field that Microsoft left out is noted |
    | 200 and another number | nobody knows which: tried again, Microsoft drops what it has |
    | 400 | those that are named rejected, by Microsoft's code |
    | 400 and `InvalidEventTime` | tried again: this machine's clock may be ahead |
    | 401–405, 407, 410, 421, a redirect, a web page, a 4xx that is no JSON: token, tag, address | after five in a \
row, it pauses |
    | 429 | the destination rests |
    | 5xx | tried again |

    Not yet run against the vendor.
    """

    slug = "microsoft_uet"
    label = "Microsoft Advertising (UET)"
    summary = "Sends conversions to Microsoft Advertising; whatever identifies a person is hashed."
    category = "advertising"
    identify = "skipped"
    dedupes = True
    max_age = 7 * 86_400.0
    batching = Batching(max_items=1000, max_bytes=900_000, atomic=True)
    hashed = ("email", "email_sha256", "phone", "external_id")
    agreement = (
        "We know of no business associate agreement that Microsoft signs for Advertising: send it no health data,"
        " rename events, and map nothing that reveals a condition."
    )
    default_mapping = {
        "event_name": "{{event.event}}",
        "event_id": "{{event.distinct_id}}",
        "email": "{{visitor.email}}",
        "email_sha256": "{{event.email || visitor.email_sha256}}",
        "phone": "{{visitor.phone_number}}",
        "msclkid": click_id("msclkid"),
        "client_user_agent": USER_AGENT,
        "event_source_url": "{{event.default_properties.current_url}}",
        "ad_storage": "{{visitor.consent.ad_storage}}",
        "ad_user_data": "{{visitor.consent.ad_user_data}}",
        "ad_personalization": "{{visitor.consent.ad_personalization}}",
        "value": "{{event.event_properties.value}}",
        "currency": "{{event.event_properties.currency}}",
        "order_id": "{{event.event_properties.order_id}}",
    }

    class Settings(Schema):
        tag_id = fields.String(required=True, validate=validate.Regexp(
            r"\d{5,15}\Z", error="Must be a UET tag's number."), metadata={
            "label": "UET tag", "example": "187012345", "help": "Conversions, UET tag: its id."})  # fmt: skip
        access_token = usual.key("Access token", "The tag's: edit it, Set up tagging, Use Conversions API.")
        url_detail = usual.url_detail()
        external_id_key = usual.external_id_key("Microsoft")
        phone_region = usual.phone_region()
        data_provider = fields.String(load_default="ours", validate=validate.Length(1, 50), metadata={
            "label": "Data provider", "help": "How Microsoft identifies the sender in its monitoring."})  # fmt: skip
        api_version = usual.api_version("v1")
        endpoint = usual.endpoint("https://capi.uet.microsoft.com", "Microsoft")

    def item(self, delivery: Delivery) -> Any:
        given, settings = delivery.fields, delivery.settings
        if delivery.event.name == IDENTIFY:
            return NO_CONVERSION
        custom, unread = read_all({name: value for name, value in given.items() if name not in EVENT}, RULES)
        event = present({
            "eventType": text(given.get("event_type")) or CUSTOM,
            "eventId": text(given.get("event_id")) or delivery.id,
            "eventName": text(given.get("event_name")),
            "eventTime": delivery.event.occurred_at // 1000,
            "eventSourceUrl": address(given.get("event_source_url"), settings["url_detail"]),
            "referrerUrl": address(given.get("referrer_url"), settings["url_detail"]),
            "pageTitle": text(given.get("page_title")),
            "pageLoadId": text(given.get("page_load_id")),
            "adStorageConsent": consent(given),
            "userData": user_data(given, settings),
            "customData": {RENAMED.get(name, name): value for name, value in custom.items() if value != ""},
        })  # fmt: skip
        return unreadable(unread, RULES[unread]) if unread else wrong(event) or event

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        body = {"data": list(items), "continueOnValidationError": False, "dataProvider": settings["data_provider"]}
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {settings['access_token'].reveal()}"}
        url = f"{settings['endpoint'].rstrip('/')}/{settings['api_version']}/{settings['tag_id']}/events"
        return Request("POST", url, headers=headers, data=to_json(body))

    def read_batch(self, response: Response, items: Sequence[Any]) -> Outcome | Sequence[Outcome]:
        body = read_object(response)
        outcome = by_api_answer(response, taken=True)
        if isinstance(outcome, Delivered):
            return received(body, len(items))
        no = response.status_code == 400 and isinstance(outcome, Rejected)
        return refused(body, len(items)) if no else outcome


def user_data(given: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Whom it is about, as far as anything of it can be read."""
    clicked = MSCLKID.fullmatch(text(given.get("msclkid")) or "")
    hashes = [ids.hashed(given.get(name), ids.stripped_email) for name in ("email", "email_sha256")]
    found = {
        "em": hashes[0] or hashes[1],
        "ph": ids.hashed(given.get("phone"), partial(ids.phone, region=settings.get("phone_region"))),
        "externalId": ids.external_id(given.get("external_id"), settings.get("external_id_key")),
        "msclkid": "-".join(clicked.groups()).lower() if clicked else None,
    }
    found |= {theirs: text(given.get(name)) for name, theirs in CLEAR.items()}
    return present(found)


def consent(given: Mapping[str, Any]) -> str | None:
    """One no is a no; where nobody said anything, Microsoft takes it for granted."""
    said = [granted(given.get(name)) for name in CONSENTS]
    return "D" if False in said else "G" if said[0] else None


def wrong(event: Mapping[str, Any]) -> Rejected | None:
    """Why Microsoft would refuse it, and the whole request with it."""
    if event["eventType"] not in (CUSTOM, PAGE):
        return Rejected("invalid_event_type", f"An event is {CUSTOM} or {PAGE}.", "event_type")
    if not event.get("eventName"):
        return Rejected("no_event_name", "The mapping gives no name for this event.", "event_name")
    if not event.get("userData", {}).keys() - ALONE_NOBODY:
        return Rejected("no_user_data", "Nothing is known about the visitor that Microsoft could match.", "user_data")
    if event["eventType"] == PAGE and not event.get("eventSourceUrl"):
        return Rejected("no_event_source_url", "A page load needs the page's address.", "event_source_url")
    if event["eventType"] == PAGE and event.get("customData", {}).keys() & SUMS:
        return Rejected("value_of_a_page", "A page load has no worth: send that as an event of its own.", "value")
    return None


def received(body: Mapping[str, Any], count: int) -> Outcome | Sequence[Outcome]:
    """All, or nobody knows which. A field that can't be accepted is left out, and the event is taken without it."""
    alone = body.get("traceId") and not body.get("error")
    said = body.get("eventsReceived", count if alone else None)
    if said != count:
        return Unknown("count_differs", f"Microsoft says it received {said} of {count} events.")
    notes = {index: f"Without {field} ({word})." for index, field, word in told(body, warnings=True)}
    trace = text(body.get("traceId")) or ""
    return [Delivered(notes.get(index, trace)) for index in range(count)]


def refused(body: Mapping[str, Any], count: int) -> Outcome | Sequence[Outcome]:
    """None was taken. Those that Microsoft names are rejected, by the first fault of each."""
    faults = [one for one in told(body) if one[0] < count]
    named = {index: because(field, word) for index, field, word in faults[::-1]}
    if named and count > 1:
        return refused_together(named, count, "Microsoft")
    return named.get(0) or Rejected("refused", "Microsoft refused it, and did not say why.")


def because(field: str, word: str) -> Outcome:
    """What is too old was never sent: if Microsoft does not like the time, it is our clock."""
    said = f"Microsoft refused {field}: {word}."
    return Retry(word, f"{said} Is this machine's clock right?") if word == TIME else Rejected(word, said, field)


def told(body: Mapping[str, Any], *, warnings: bool = False) -> Iterator[tuple[int, str, str]]:
    """Position, field and code of each fault. Never what was sent, though Microsoft quotes it."""
    error = body.get("error")
    details = error.get("details") if isinstance(error, Mapping) else None
    for one in details if isinstance(details, list) else ():
        index = one.get("index") if isinstance(one, Mapping) else None
        if isinstance(index, int) and index >= 0 and (one.get("isWarning") is True) == warnings:
            yield index, PLACE.sub("", text(one.get("propertyName")) or "it"), word_of(one.get("errorCode"))


def word_of(value: Any) -> str:
    word = text(value) or ""
    return word if re.fullmatch(r"[A-Za-z0-9_]{1,60}", word) else "refused"


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [MicrosoftUET]
