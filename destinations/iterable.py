"""Iterable: people and what they do, by its bulk API."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ours.plugin import (
    IDENTIFY,
    Batching,
    Delivered,
    Delivery,
    Destination,
    Endpoint,
    Outcome,
    Rejected,
    Request,
    Response,
    Retry,
    Schema,
    Skipped,
    Split,
    Unauthorized,
    by_api_answer,
    fields,
    hookimpl,
    read_object,
    refused_whole,
    retry_after,
    to_json,
    usual,
    validate,
)
from ours.plugin import identifiers as ids
from ours.plugin.values import currency, number, present, read_all, text, under, unreadable, whole

USER = "user."
EVENT = {"event_name", "email", "user_id", "campaign_id", "template_id", "properties"}
RULES = {"value": number, "currency": currency, "campaign_id": whole, "template_id": whole}
EMAIL, USER_ID, HYBRID = "email", "user_id", "hybrid"
PRINTABLE = re.compile(r"[\x20-\x7e]+")
LARGEST = 3_800_000
NOT_FOUND_REST = 60.0
"""Iterable asks for so many seconds between telling it of somebody and what counts on that."""
REASONS: Mapping[str, Outcome] = {
    "invalid": Rejected("invalid_identifier", "Iterable can't read this person's email or id."),
    "forgotten": Rejected("forgotten", "Iterable was asked to forget this person, and takes nothing more of them."),
    "conflict": Rejected("conflict", "Somebody else at Iterable has this email or id."),
    "invalidData": Rejected("invalid_data", "A data field has another type than Iterable knows it with."),
    "notFound": Retry("not_found", "Iterable does not know this person yet: tell it by an $identify.", NOT_FOUND_REST),
}
DISALLOWED = Rejected("disallowed_event", "The project at Iterable does not allow events of this name.", "event_name")
NO_ACCESS = {"BadApiKey", "BadAuthorizationHeader", "Forbidden", "InvalidJwtPayload", "Unauthorized"}
PASSES = {"DatabaseError", "RateLimitExceeded"}
CODE = re.compile(r"[A-Z][A-Za-z]{1,60}")


class Iterable(Destination):
    """Up to 1,000 events a request, each with its own verdict: what is wrong is rejected, and the others stay accepted.
    `$identify` makes or updates the person instead; add it to the allow list and map what Iterable may know of them.

    Iterable knows a person by the email or by your id of them, as your project is set up; the settings say which. Only
    that one is sent, and where it is not known the event is rejected. It leaves in clear, so Iterable is added with an
    agreement that is signed, or with your word for it. No consent is told to Iterable and none is looked at here: what
    those who denied it did leaves like all else, unless a governance rule stops it.

    An event carries an `id`, a hash of its name and distinctId: a repeat updates the event that is there. To update a
    person twice changes nothing, and each update tells what is known of them by then.

    Iterable keeps the type that a data field first came with, for all events of a name and for all people, and takes no
    other. A purchase is sent as an event like others, and does not become one of Iterable's own purchases.

    A field that is none of the following becomes a data field of the event.

    | field | what it is |
    |---|---|
    | `event_name` | the event's name |
    | `email` | in clear; where people are known by an id, an identify sets it as a data field |
    | `user_id` | your id of the person, in clear, of plain letters, digits and signs |
    | `properties` | an object whose entries become data fields; not mapped unless you do |
    | `value`, `currency` | data fields, as a number and as three letters; rejected if they can't be read |
    | `campaign_id`, `template_id` | numbers, to which Iterable ascribes the event; not mapped unless you do |
    | `user.NAME` | a data field of the person, for `$identify`: `user.firstName`, say |

    | answer | what follows |
    |---|---|
    | 200 with its counts | delivered, but for those that follow |
    | … whose email or id is invalid, forgotten or somebody else's | rejected with this reason |
    | … whose name is not allowed, or with data of another type | rejected with this reason |
    | … whose person is not found | tried again: Iterable takes a minute to know somebody new |
    | … that it counts as failed and does not name | sent in smaller parts, and rejected alone |
    | 2xx with anything else | nobody knows: tried again, Iterable keeps one |
    | 400, 409 | sent in smaller parts, and rejected alone with Iterable's code |
    | `BadApiKey` and its like, 401–405, 407, 410, 421, a redirect, a web page, a 4xx that is no JSON | after five \
in a row, it pauses |
    | 413 | sent in smaller parts |
    | 429; 5xx | the destination rests; tried again |

    Not yet run against the vendor.
    """

    slug = "iterable"
    label = "Iterable"
    summary = "Sends Iterable who people are and what they do, so that it can message them."
    category = "crm"
    identify = "profile"
    dedupes = True
    batching = Batching(max_items=1000, max_bytes=LARGEST)
    agreement = (
        "Iterable signs a business associate agreement by contract only: sign it before you send health data."
        " An email or a text message that it sends can itself reveal a condition."
    )
    default_mapping = {
        "event_name": "{{event.event}}",
        "email": "{{visitor.email}}",
        "user_id": "{{event.external_id || visitor.external_id}}",
        "value": "{{event.event_properties.value}}",
        "currency": "{{event.event_properties.currency}}",
        "order_id": "{{event.event_properties.order_id}}",
    }

    class Settings(Schema):
        api_key = usual.key("API key", "Of type Server-side: Integrations, API Keys.")
        known_by = fields.String(load_default=EMAIL, validate=validate.OneOf([EMAIL, USER_ID, HYBRID]), metadata={
            "label": "Identify people by",
            "help": "As your project is set up; `hybrid` sends the id where it is known, else the email."})  # fmt: skip
        endpoint = Endpoint(load_default="https://api.iterable.com", metadata={
            "label": "Endpoint",
            "help": "`https://api.eu.iterable.com` for a project in the European data center."})  # fmt: skip

    def item(self, delivery: Delivery) -> Any:
        given, event = delivery.fields, delivery.event
        who = person(given, delivery.settings["known_by"])
        if isinstance(who, Rejected):
            return who
        known = ids.event_key(event.name, event.distinct_id)
        what = update(given, who) if event.name == IDENTIFY else occurrence(given)
        if isinstance(what, Skipped | Rejected):
            return what
        its_own = {} if event.name == IDENTIFY else {"id": known, "createdAt": event.occurred_at // 1000}
        item = {**who, **what, **its_own}
        if len(to_json(item)) > LARGEST:
            return Rejected("too_large", f"A request to Iterable has at most {LARGEST:,} bytes.")
        return item

    def group(self, delivery: Delivery) -> str:
        return "users" if delivery.event.name == IDENTIFY else "events"

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        path, name = ("events/trackBulk", "events") if "eventName" in items[0] else ("users/bulkUpdate", "users")
        headers = {"Content-Type": "application/json", "Api-Key": settings["api_key"].reveal()}
        url = f"{settings['endpoint'].rstrip('/')}/api/{path}"
        return Request("POST", url, headers=headers, data=to_json({name: list(items)}))

    def read_batch(self, response: Response, items: Sequence[Any]) -> Outcome | Sequence[Outcome]:
        said = read_object(response)
        counts = [said.get(name) for name in ("successCount", "failCount")]
        told = all(type(one) is int and one >= 0 for one in counts) and any(counts)
        outcome = by_api_answer(response, taken=told)
        if isinstance(outcome, Delivered):
            return by_person(said, items)
        return refusal(response, said, outcome, len(items))


def person(given: Mapping[str, Any], known_by: str) -> dict[str, str] | Rejected:
    """The one identifier that Iterable takes."""
    address, own = ids.email(given.get("email")), ids.somebody(given.get("user_id"))
    if own and known_by != EMAIL:
        fine = PRINTABLE.fullmatch(own)
        said = "Iterable takes an id of plain letters, digits and signs alone."
        return {"userId": own} if fine else Rejected("invalid_user_id", said, "user_id")
    if address and known_by != USER_ID:
        return {"email": address}
    field = USER_ID if known_by == USER_ID else EMAIL
    return Rejected(f"no_{field}", "Nothing is known by which Iterable would know this person.", field)


def occurrence(given: Mapping[str, Any]) -> dict[str, Any] | Rejected:
    name, bag = text(given.get("event_name")), given.get("properties")
    if not name:
        return Rejected("no_event_name", "The mapping gives no name for this event.", "event_name")
    read, wrong = read_all(given, RULES)
    if wrong:
        return unreadable(wrong, RULES[wrong])
    own = {field: value for field, value in read.items() if field not in EVENT and not field.startswith(USER)}
    data = {**(bag if isinstance(bag, Mapping) else {}), **own}
    ascribed = {"campaignId": read.get("campaign_id"), "templateId": read.get("template_id")}
    return {"eventName": name, "dataFields": data} | present(ascribed)


def update(given: Mapping[str, Any], who: Mapping[str, str]) -> dict[str, Any] | Skipped:
    """Where they are known by an id, the email is a field like others, and an id that is new makes a person."""
    known = under(USER, given)
    if "email" in who:
        return {"dataFields": known}
    if address := ids.email(given.get("email")):
        known["email"] = address
    if not known:
        return Skipped("nothing_to_set", f"Map what Iterable may know of the person: {USER}plan, say.")
    return {"dataFields": known, "preferUserId": True}


def by_person(said: Mapping[str, Any], items: Sequence[Any]) -> Sequence[Outcome]:
    """Iterable names no positions: what is wrong with a person is wrong with all that was sent of them."""
    named = [fault(said, one) for one in items]
    lost = said["failCount"] > sum(1 for one in named if one)
    rest: Outcome = Delivered()
    if lost and len(items) > 1:
        rest = Split("not_named", "Iterable refused some of them, and did not say which.")
    elif lost:
        rest = Rejected("refused", "Iterable refused it, and did not say why.")
    return [one or rest for one in named]


def fault(said: Mapping[str, Any], item: Mapping[str, Any]) -> Outcome | None:
    """What Iterable has against it; of several reasons, the first of ``REASONS``. Older answers tell of few."""
    data, failed = item.get("dataFields") or {}, said.get("failedUpdates")
    told = failed if isinstance(failed, Mapping) else said
    emails, own = lowered([item.get("email"), data.get("email")]), item.get("userId")
    if item.get("eventName") in listed(said, "disallowedEventNames"):
        return DISALLOWED
    for reason, outcome in REASONS.items():
        if emails & lowered(listed(told, f"{reason}Emails")) or own in listed(told, f"{reason}UserIds"):
            return outcome
    return None


def listed(told: Mapping[str, Any], name: str) -> list[str]:
    found = told.get(name)
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def lowered(texts: Sequence[Any]) -> set[str]:
    return {one.lower() for one in texts if isinstance(one, str)}


def refusal(response: Response, said: Mapping[str, Any], outcome: Outcome, count: int) -> Outcome:
    """Of a request that was refused as a whole, by the code that Iterable gives."""
    code = text(said.get("code")) or ""
    word = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", code).lower() if CODE.fullmatch(code) else ""
    message = text(said.get("msg")) or "Iterable refused it, and did not say why."
    if code in NO_ACCESS and not isinstance(outcome, Retry):
        return Unauthorized(word, "Iterable does not let this API key in: has it the type Server-side?")
    if not isinstance(outcome, Rejected):
        return outcome
    if code in PASSES:
        return Retry(word, message, retry_after(response), throttle=code == "RateLimitExceeded")
    return refused_whole(Rejected(word or outcome.code, message), count, "Iterable")


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [Iterable]
