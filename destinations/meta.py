"""Meta (Facebook and Instagram) ads, by the Conversions API."""

import json
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
    read_object,
    retry_after,
    to_json,
    usual,
    validate,
)
from ours.plugin import identifiers as ids
from ours.plugin.values import address, currency, number, objected, present, read_all, text, unreadable

CLEAR = ("client_ip_address", "client_user_agent", "fbc", "fbp", "subscription_id", "lead_id", "madid")
EVENT = {"event_name", "event_id", "action_source", "event_source_url", "email", "email_sha256", "phone", "first_name",
         "last_name", "gender", "date_of_birth", "city", "state", "zip", "country", "external_id", "fbclid",
         "opt_out", *CLEAR}  # fmt: skip
SOURCES = ["website", "app", "email", "phone_call", "chat", "physical_store", "system_generated",
           "business_messaging", "other"]  # fmt: skip
RULES: Mapping[str, Callable[[Any], Any]] = {
    "value": number, "predicted_ltv": number, "currency": currency, "order_id": text,
}  # fmt: skip
FOR_NOW = {1, 2, 341, 368, 5000, 21009}
TOO_FAST = {4, 17, 32, 613, *range(80000, 80015)}
NO_ACCESS = {10, 102, 190, *range(200, 300), 2500, 2635}  # the last two: no such path, and a version that is no more
NO_SUCH_OBJECT = (100, 33)


class Meta(Destination):
    """Up to 1,000 events a request. Email, phone number, names, place, birthday and external id leave as SHA-256 only,
    written as Meta writes them. Meta drops a repeat of the same `event_id` and `event_name` within 48 hours, from a
    Pixel too: send your distinctId as the Pixel's eventID. An `$identify` is no conversion and is passed over.

    Meta takes no consent with an event, so none is looked at here: what those who denied `ad_user_data` or
    `ad_personalization` did leaves like all else, unless a governance rule stops it.

    A field that is none of the following goes into `custom_data`.

    | field | what it is |
    |---|---|
    | `event_name`, `event_id` | `Purchase`, `Lead` and so on, and what repeats are dropped by, else the delivery's id |
    | `email`, `phone`, `first_name`, `last_name`, `city`, `state`, `zip`, `country` | hashed |
    | `gender`, `date_of_birth` | hashed; not mapped unless you do |
    | `email_sha256` | stands in where no `email` is known |
    | `external_id` | hashed; with a key of yours, where one is set |
    | `client_user_agent`, `fbc`, `fbp`, `fbclid` | in clear; `fbc` is made of `fbclid` where it is missing |
    | `client_ip_address` | in clear; not mapped unless you do |
    | `event_source_url` | reduced to the site, unless the settings allow more |
    | `action_source` | where it happened, instead of what the settings say |
    | `opt_out` | yes in any spelling, and what can't be read: not used to choose ads |
    | `value`, `predicted_ltv` | numbers |
    | `currency` | three letters. A `Purchase` must have `value` and `currency` |
    | `order_id` | a text, or a whole number |
    | any of these four that can't be read | the event is rejected, so that no sum is missed by nobody |

    `website` events need `client_user_agent` and `event_source_url`. One event that is wrong, or older than seven days,
    makes Meta refuse the whole request: Ours sends it again in halves until the wrong one is alone.

    | answer | what follows |
    |---|---|
    | 200 and as many `events_received` as were sent | delivered |
    | 200 and another number | nobody knows which: tried again, Meta drops what it has |
    | `is_transient`, codes 1, 2, 341, 368, 5000, 21009, 5xx, no JSON | tried again |
    | codes 4, 17, 32, 613, 80000–80014, 429 | we were too fast: the destination rests as long as Meta asks |
    | codes 10, 102, 190, 200–299, 100/33, 2500, 2635, 401–405, 407, 410, 421, a redirect, a web page, a 4xx that \
is no JSON: token, rights, \
dataset, address, version | after five in a row, it pauses |
    | all else, 100 among them | rejected, alone |

    A test event code sends everything of this destination to *Test events* in the Events Manager, and nothing to
    reports. Not yet run against the vendor.
    """

    slug = "meta"
    label = "Meta Conversions API"
    summary = "Sends conversions to Meta ads; whatever identifies a person is hashed."
    category = "advertising"
    identify = "skipped"
    dedupes = True
    max_age = 7 * 86_400.0
    batching = Batching(max_items=1000, max_bytes=4_000_000, atomic=True)
    hashed = ("email", "email_sha256", "phone", "first_name", "last_name", "gender", "date_of_birth", "city", "state",
              "zip", "country", "external_id")  # fmt: skip
    agreement = (
        "Meta signs no business associate agreement, and restricts data sources that it considers health and wellness:"
        " rename events, and map nothing that reveals a condition."
    )
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
        "client_user_agent": USER_AGENT,
        "event_source_url": "{{event.default_properties.current_url}}",
        "fbc": click_id("fbc"),
        "fbp": click_id("fbp"),
        "fbclid": click_id("fbclid"),
        "value": "{{event.event_properties.value}}",
        "currency": "{{event.event_properties.currency}}",
        "order_id": "{{event.event_properties.order_id}}",
    }

    class Settings(Schema):
        dataset_id = fields.String(required=True, validate=validate.Regexp(
            r"\d{5,25}\Z", error="Must be a dataset's (Pixel's) number."), metadata={
            "label": "Dataset id", "example": "123456789012345", "help": "Events Manager, Data sources."})  # fmt: skip
        access_token = usual.key("Access token", "Events Manager, Settings, Conversions API, Generate access token.")
        action_source = fields.String(load_default="website", validate=validate.OneOf(SOURCES), metadata={
            "label": "Action source", "help": "Where the events happen, unless the mapping says it."})  # fmt: skip
        url_detail = usual.url_detail()
        limited_data_use = fields.Boolean(load_default=False, metadata={
            "label": "Limited data use",
            "help": "Asks Meta to process data as US state laws require, by location."})  # fmt: skip
        external_id_key = usual.external_id_key("Meta")
        phone_region = usual.phone_region()
        test_event_code = fields.String(metadata={
            "label": "Test event code", "help": "From Test events in the Events Manager."})  # fmt: skip
        api_version = usual.api_version("v26.0", "Meta retires a version after about two years.")
        endpoint = usual.endpoint("https://graph.facebook.com", "Meta")

    def item(self, delivery: Delivery) -> Any:
        given, settings = delivery.fields, delivery.settings
        if delivery.event.name == IDENTIFY:
            return NO_CONVERSION
        custom = custom_data(given)
        if isinstance(custom, Rejected):
            return custom
        event = present({
            "event_name": text(given.get("event_name")),
            "event_time": delivery.event.occurred_at // 1000,
            "event_id": text(given.get("event_id")) or delivery.id,
            "action_source": text(given.get("action_source")) or settings["action_source"],
            "event_source_url": address(given.get("event_source_url"), settings["url_detail"]),
            "user_data": user_data(given, settings, delivery.event.occurred_at),
            "custom_data": custom,
        })  # fmt: skip
        if settings["limited_data_use"]:
            event |= {"data_processing_options": ["LDU"], "data_processing_options_country": 0,
                      "data_processing_options_state": 0}  # fmt: skip
        if objected(given.get("opt_out")):
            event["opt_out"] = True
        return wrong(event) or event

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        body: dict[str, Any] = {"data": list(items)}
        if code := settings.get("test_event_code"):
            body["test_event_code"] = code
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {settings['access_token'].reveal()}"}
        url = f"{settings['endpoint'].rstrip('/')}/{settings['api_version']}/{settings['dataset_id']}/events"
        return Request("POST", url, headers=headers, data=to_json(body))

    def read_batch(self, response: Response, items: Sequence[Any]) -> Outcome:
        answer, outcome = read_object(response), by_api_answer(response, taken=True)
        error, received = answer.get("error"), answer.get("events_received")
        if isinstance(error, dict):
            return verdict(error, response)
        if isinstance(outcome, Delivered) and received != len(items):
            return Unknown("count_differs", f"Meta says it received {received} of {len(items)} events.")
        return Delivered(str(answer.get("fbtrace_id") or "")) if isinstance(outcome, Delivered) else outcome


def user_data(given: Mapping[str, Any], settings: Mapping[str, Any], moment: int) -> dict[str, Any]:
    """Whom it is about, as far as anything of it can be read."""
    postal_code, state = (partial(rule, country=given.get("country")) for rule in (ids.postal_code, ids.state))
    phone = partial(ids.phone_digits, region=settings.get("phone_region"))
    rules: dict[str, tuple[str, Callable[[Any], str | None]]] = {
        "em": ("email", ids.email), "ph": ("phone", phone), "fn": ("first_name", ids.name),
        "ln": ("last_name", ids.name), "ge": ("gender", ids.gender), "db": ("date_of_birth", ids.birthday),
        "ct": ("city", ids.place), "st": ("state", state), "zp": ("zip", postal_code),
        "country": ("country", ids.country_code),
    }  # fmt: skip
    found: dict[str, Any] = {name: ids.hashed(given.get(field), rule) for name, (field, rule) in rules.items()}
    found["em"] = found["em"] or ids.hashed(given.get("email_sha256"), ids.email)
    found["external_id"] = ids.external_id(given.get("external_id"), settings.get("external_id_key"), ids.squeezed)
    found |= {name: text(given.get(name)) for name in CLEAR}
    clicked = text(given.get("fbclid"))
    found["fbc"] = found["fbc"] or (f"fb.1.{moment}.{clicked}" if clicked else None)
    return present(found)


def custom_data(given: Mapping[str, Any]) -> dict[str, Any] | Rejected:
    """Every field that is nothing else: those that Meta wants in a form of their own, and all others as mapped."""
    own = {name: value for name, value in given.items() if name not in EVENT}
    read, unread = read_all(own, RULES)
    return unreadable(unread, RULES[unread]) if unread else read


def wrong(event: Mapping[str, Any]) -> Rejected | None:
    """Why Meta would refuse it, and the whole request with it."""
    person, custom = event.get("user_data", {}), event.get("custom_data", {})
    if not event.get("event_name"):
        return Rejected("no_event_name", "The mapping gives no name for this event.", "event_name")
    if not person.keys() - {"client_user_agent"}:
        return Rejected("no_user_data", "Nothing is known about the visitor that Meta could match.", "user_data")
    if event["action_source"] == "website":
        for name, known in (("client_user_agent", person), ("event_source_url", event)):
            if not known.get(name):
                return Rejected(f"no_{name}", f"A website event needs {name}: map it, or another action_source.", name)
    if event["event_name"] == "Purchase" and not ("value" in custom and "currency" in custom):
        return Rejected("no_value", "A Purchase needs a value and a currency.", "custom_data")
    return None


def verdict(error: Mapping[str, Any], response: Response) -> Outcome:
    """By Meta's own code: its status is 400 for what passes and for what doesn't."""
    code, sub = (one if isinstance(one, int) else 0 for one in (error.get("code"), error.get("error_subcode")))
    word = f"meta_{code}_{sub}" if sub else f"meta_{code}"
    said = str(error.get("message") or f"Meta answered {response.status_code}.")
    if code in TOO_FAST or response.status_code == 429:
        return Retry(word, said, retry_after(response) or regained(response), throttle=True)
    if error.get("is_transient") is True or code in FOR_NOW:
        return Retry(word, said, retry_after(response))
    if code in NO_ACCESS or (code, sub) == NO_SUCH_OBJECT:
        return Unauthorized(word, said)
    return by_api_code(response, word, said)


def regained(response: Response) -> float | None:
    """Seconds until access comes back, where ``X-Business-Use-Case-Usage`` says it in minutes."""
    try:
        usage = json.loads(response.headers.get("X-Business-Use-Case-Usage", ""))
        waits = [one["estimated_time_to_regain_access"] for group in usage.values() for one in group]
        return min(max(float(wait) for wait in waits) * 60, 86_400.0) or None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [Meta]
