"""Google Ads conversions, by the Data Manager API."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

from ours.plugin import (
    IDENTIFY,
    NO_CONVERSION,
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
    by_api_answer,
    by_api_code,
    click_id,
    fields,
    hookimpl,
    iso,
    read_json,
    read_object,
    refused_together,
    refused_whole,
    retry_after,
    to_json,
    usual,
    validate,
)
from ours.plugin.google import service_account_request
from ours.plugin.identifiers import country_code, google_email, google_name, hashed, phone
from ours.plugin.values import currency, granted, is_unread, number, present, text

SCOPE = "https://www.googleapis.com/auth/datamanager"
CLICKS = ("gclid", "gbraid", "wbraid")
SOURCES = ["WEB", "APP", "IN_STORE", "PHONE", "MESSAGE", "OTHER"]
CONFIGURED_WRONG = re.compile(
    r"PERMISSION_DENIED|UNAUTHENTICATED|.*NOT_ALLOWLISTED.*|TERMS_AND_CONDITIONS_NOT_SIGNED|DESTINATION_ACCOUNT_\w+"
    r"|INVALID_DESTINATION|INVALID_CONVERSION_ACTION_ID|DATA_POLICY_PROHIBITS\w*|ACCESS_TOKEN_\w+|SERVICE_DISABLED"
)
FOR_NOW = {"INTERNAL", "INTERNAL_ERROR", "DEADLINE_EXCEEDED", "UNAVAILABLE", "ABORTED"}
INDEX = re.compile(r"events\[(\d{1,6})\]")
HOUR = 3600.0


class GoogleDataManager(Destination):
    """Up to 2,000 events a request. Email, phone number and names leave as SHA-256 only, written as Google writes
    them. Google drops a repeat of the same `transactionId` for the same conversion action.

    Make a service account in a Google Cloud project with the Data Manager API enabled, download a key of it as JSON,
    and give its email address access to the Google Ads account. No developer token is needed.

    | field | what it is |
    |---|---|
    | `transaction_id` | what repeats are dropped by: the event's distinctId, or else the delivery's own id |
    | `gclid`, `gbraid`, `wbraid` | the click, as it came |
    | `email`, `phone` | hashed |
    | `email_sha256` | stands in where no `email` is known; matches no Gmail address with dots or `+suffix` |
    | `first_name`, `last_name`, `postal_code`, `country` | an address, when all four are there and `country` is two \
letters; the first two hashed, so `postal_code` is withheld until you map it |
    | `value`, `currency` | what the conversion is worth |
    | `ad_user_data`, `ad_personalization` | consent: yes and no in any spelling, and no where it can't be read |
    | `ip`, `user_agent` | in clear; not mapped unless you do |

    An `$identify` is no conversion and is passed over. An event without a click and without anything hashed is rejected
    here. Google refuses a whole request for one event
    that is wrong, and names it: that one is rejected, the others are sent again at once.

    A 200 means that Google took the request, not that it found the conversions good: that is decided later. Each
    attempt notes the `requestId`; `GET /v1/requestStatus:retrieve?requestId=…` tells what became of it.

    | answer | what follows |
    |---|---|
    | 200 | delivered, with the request's id |
    | 2xx with anything else | nobody knows: tried again, Google drops what it has |
    | RESOURCE_EXHAUSTED, 429 | the destination rests; a day's quota: an hour at a time |
    | INTERNAL, DEADLINE_EXCEEDED, UNAVAILABLE, 5xx | tried again |
    | PERMISSION_DENIED, NOT_ALLOWLISTED, TERMS_AND_CONDITIONS_NOT_SIGNED, DESTINATION_ACCOUNT_…, INVALID_DESTINATION, \
INVALID_CONVERSION_ACTION_ID, DATA_POLICY_PROHIBITS…, 401–405, 407, 410, 421, a redirect, a web page, a 4xx that is \
no JSON \
| after five in a row, it pauses |
    | all else | rejected, with Google's reason |

    Not yet run against the vendor.
    """

    slug = "google_data_manager"
    label = "Google Ads (Data Manager)"
    summary = "Sends conversions to Google Ads through the Data Manager API; whatever identifies a person is hashed."
    category = "advertising"
    identify = "skipped"
    dedupes = True
    batching = Batching(max_items=2000, max_bytes=4_000_000)
    hashed = ("email", "email_sha256", "phone", "first_name", "last_name")
    agreement = (
        "Google signs no business associate agreement for Ads, and forbids health information and data on sensitive"
        " interests: rename conversions, and map nothing that reveals a condition."
    )
    default_mapping = {
        "transaction_id": "{{event.distinct_id}}",
        "gclid": click_id("gclid"),
        "gbraid": click_id("gbraid"),
        "wbraid": click_id("wbraid"),
        "email": "{{visitor.email}}",
        "email_sha256": "{{event.email || visitor.email_sha256}}",
        "phone": "{{visitor.phone_number}}",
        "first_name": "{{visitor.first_name}}",
        "last_name": "{{visitor.last_name}}",
        "postal_code": "{{visitor.zip}}",
        "country": "{{visitor.country}}",
        "value": "{{event.event_properties.value}}",
        "currency": "{{event.event_properties.currency}}",
        "ad_user_data": "{{visitor.consent.ad_user_data}}",
        "ad_personalization": "{{visitor.consent.ad_personalization}}",
    }

    class Settings(Schema):
        service_account = usual.service_account()
        account_id = fields.String(required=True, validate=validate.Regexp(r"\d{10}\Z", error="Must be ten digits."),
            metadata={"label": "Google Ads account", "example": "1234567890",
            "help": "The conversion customer's id, without hyphens."})  # fmt: skip
        login_account_id = fields.String(validate=validate.Regexp(r"\d{10}\Z", error="Must be ten digits."),
            metadata={"label": "Manager account",
            "help": "Its id, when access was given to a manager of the account."})  # fmt: skip
        conversion_action_id = fields.String(required=True, validate=validate.Regexp(
            r"\d{1,20}\Z", error="Must be a number."), metadata={
            "label": "Conversion action", "example": "987654321",
            "help": "Its id: the number in the address of its page in Google Ads."})  # fmt: skip
        event_source = fields.String(load_default="WEB", validate=validate.OneOf(SOURCES), metadata={
            "label": "Event source", "help": "Where the conversions happen."})  # fmt: skip
        phone_region = usual.phone_region()
        validate_only = fields.Boolean(load_default=False, metadata={
            "label": "Validate only", "help": "Google checks the events and keeps none."})  # fmt: skip
        api_version = usual.api_version("v1")
        endpoint = usual.endpoint("https://datamanager.googleapis.com", "Google")

    def token_request(self, settings: Mapping[str, Any], now: int) -> Request:
        return service_account_request(settings["service_account"], SCOPE, now)

    def item(self, delivery: Delivery) -> Any:
        given, settings = delivery.fields, delivery.settings
        if delivery.event.name == IDENTIFY:
            return NO_CONVERSION
        clicks = {name: clicked for name in CLICKS if (clicked := text(given.get(name)))}
        device = {"ipAddress": text(given.get("ip")), "userAgent": text(given.get("user_agent"))}
        event = {
            "eventTimestamp": iso(delivery.event.occurred_at),
            "transactionId": text(given.get("transaction_id")) or delivery.id,
            "eventSource": settings["event_source"],
            "adIdentifiers": clicks | present({"landingPageDeviceInfo": present(device)}),
            "userData": present({"userIdentifiers": identifiers(given, settings.get("phone_region"))}),
            "conversionValue": number(given.get("value")),
            "currency": currency(given.get("currency")),
            "consent": present({
                "adUserData": consent(given.get("ad_user_data")),
                "adPersonalization": consent(given.get("ad_personalization")),
            }),
        }  # fmt: skip
        if not clicks and not event["userData"]:
            return Rejected(
                "NO_IDENTIFIERS_PROVIDED", "There is no click, and nothing is known about the visitor to match by."
            )
        return unread_worth(given, event) or present(event)

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        place = {"operatingAccount": account(settings["account_id"]),
                 "productDestinationId": settings["conversion_action_id"]}  # fmt: skip
        if manager := settings.get("login_account_id"):
            place["loginAccount"] = account(manager)
        body: dict[str, Any] = {"destinations": [place], "events": list(items)}
        if any("userData" in item for item in items):
            body["encoding"] = "HEX"
        if settings["validate_only"]:
            body["validateOnly"] = True
        url = f"{settings['endpoint'].rstrip('/')}/{settings['api_version']}/events:ingest"
        return Request("POST", url, headers={"Content-Type": "application/json"}, data=to_json(body))

    def read_batch(self, response: Response, items: Sequence[Any]) -> Outcome | Sequence[Outcome]:
        answer = read_object(response)
        error = answer.get("error")
        if isinstance(error, dict):
            return verdicts_of(error, response, len(items))
        named = text(answer.get("requestId"))
        outcome = by_api_answer(response, taken=bool(named) or read_json(response) == {})  # so after a mere validation
        if isinstance(outcome, Delivered):
            return Delivered(named or "")
        return refused_whole(outcome, len(items), "Google")


def identifiers(given: Mapping[str, Any], region: str | None) -> list[dict[str, Any]]:
    """What the visitor can be matched by, each on its own."""
    email = hashed(given.get("email"), google_email) or hashed(given.get("email_sha256"), google_email)
    number_ = hashed(given.get("phone"), partial(phone, region=region))
    address = {
        "givenName": hashed(given.get("first_name"), google_name),
        "familyName": hashed(given.get("last_name"), google_name),
        "regionCode": (country_code(given.get("country")) or "").upper(),
        "postalCode": text(given.get("postal_code")),
    }
    found = [{"emailAddress": email}, {"phoneNumber": number_}]
    return [one for one in found if all(one.values())] + ([{"address": address}] if all(address.values()) else [])


def verdicts_of(error: Mapping[str, Any], response: Response, count: int) -> Outcome | Sequence[Outcome]:
    """By Google's own reason; where it names the events that are wrong, the others go again."""
    details = objects(error.get("details"))
    reasons = [text(one.get("reason")) or "" for one in details]
    reason = next(filter(None, reasons), text(error.get("status")) or f"http_{response.status_code}")
    said = f"Google answered {reason} ({response.status_code})."
    if "RESOURCE_EXHAUSTED" in (reason, error.get("status")) or response.status_code == 429:
        return Retry(reason, said, retry_after(response) or (HOUR if daily(details) else None), throttle=True)
    if reason in FOR_NOW or error.get("status") in FOR_NOW:
        return Retry(reason, said, retry_after(response))
    if CONFIGURED_WRONG.fullmatch(reason):
        return Unauthorized(reason, said)
    outcome = by_api_code(response, reason, said)
    if not isinstance(outcome, Rejected):
        return outcome
    named = dict(violations(details, count))
    if named and count > 1:
        return refused_together(named, count, "Google")
    return named.get(0) or refused_whole(outcome, count, "Google")


def violations(details: Sequence[Mapping[str, Any]], count: int) -> Iterator[tuple[int, Rejected]]:
    """Position → why, for every event that Google names."""
    for one in chain.from_iterable(objects(detail.get("fieldViolations")) for detail in details):
        field = text(one.get("field")) or ""
        match = INDEX.search(field)
        if match and int(match[1]) < count:
            word = text(one.get("reason")) or "INVALID_ARGUMENT"
            yield int(match[1]), Rejected(word, f"Google refused {field}: {word}.", field.rpartition("].")[2])


def daily(details: Sequence[Mapping[str, Any]]) -> bool:
    return any("PerDay" in json.dumps(one.get("metadata")) for one in details)


def objects(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def consent(value: Any) -> str | None:
    said = granted(value)
    return None if said is None else "CONSENT_GRANTED" if said else "CONSENT_DENIED"


def account(number_: str) -> dict[str, str]:
    return {"accountType": "GOOGLE_ADS", "accountId": number_}


def unread_worth(given: Mapping[str, Any], event: Mapping[str, Any]) -> Rejected | None:
    """Without it, Google would take what the conversion action is worth, or the account's currency, in its place."""
    if is_unread(given.get("value"), event["conversionValue"]):
        return Rejected("INVALID_VALUE", "The value is not a number, such as 12.5.", "value")
    if is_unread(given.get("currency"), event["currency"]):
        return Rejected("INVALID_CURRENCY_CODE", "The currency is not three letters, such as EUR.", "currency")
    return None


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [GoogleDataManager]
