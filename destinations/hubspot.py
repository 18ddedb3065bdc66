"""HubSpot: contacts, and custom events of theirs."""

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ours.plugin import (
    IDENTIFY,
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
    fields,
    hookimpl,
    iso,
    read_object,
    refused_together,
    refused_whole,
    retry_after,
    to_json,
    usual,
    validate,
)
from ours.plugin import identifiers as ids
from ours.plugin.values import amount, currency, read_all, text, texts, under, unreadable, word

CONTACT = "contact."
EVENT = {"event_name", "email", "object_id", "utk", "properties"}
RULES = {"value": amount, "currency": currency}
OWN_NAME = re.compile(r"pe\d{1,12}_[a-z][a-z0-9_]*")
NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")
MOST_PROPERTIES, LONGEST = 50, 1024
EVENTS_ELSEWHERE = {"2026-03": "events/2026-03"}
"""Before and after this version, the dated address of custom events was another."""
BUSY = {423: 2.0, 477: None}
"""A record that is locked, and an account that moves: seconds of rest where HubSpot asks for none."""
TEN_SECONDS, DAY_REST = 10.0, 3600.0
NO_EVENT = re.compile(r"\bevent (definition|type|template)", re.IGNORECASE)
OF_ONE = re.compile(r"\b(contact|propert)", re.IGNORECASE)
WHO = ("objectId", "email", "utk")
WORD = re.compile(r"[A-Z][A-Z0-9_]{1,60}")
ITS_FAULT = {"VALIDATION_ERROR", "OBJECT_NOT_FOUND"}
"""What a 404 says that is about an event or a contact, and not about the address."""


class HubSpot(Destination):
    """Up to 100 a request. An `$identify` makes or updates the contact with this email, and each says how it went; any
    other event is sent as an occurrence of a custom event. Add `$identify` to the allow list and map what HubSpot may
    know of them.

    Custom events need an Enterprise subscription, and each is first defined in HubSpot, with its properties. `Order
    Completed` is sent as `pe1234567_order_completed`, where the number is your account's. No property of an event is
    mapped unless you do: map those that its definition has.

    The email leaves in clear, so it is added with an agreement that is signed, or with your word for it. No consent is
    told to HubSpot and none is looked at here: what those who denied it did leaves like all else, unless a governance
    rule stops it.

    An occurrence carries a `uuid`, a hash of its name and distinctId: of several with the same, HubSpot accepts the
    first, for a year. To update a contact twice changes nothing, and each update tells what is known of it by then.

    A field that is none of the following becomes a property of the occurrence. Numbers, yes and no, and lists of texts
    leave as the texts that HubSpot takes; what is none of these is rejected.

    | field | what it is |
    |---|---|
    | `event_name` | the event's name, written as above in at most 50 letters, digits and `_`; `pe1234567_any` is sent \
as it is |
    | `email` | in clear: which contact it is, or will be |
    | `object_id`, `utk` | of an event, instead of the email: HubSpot's own id of the contact, and its cookie \
`hubspotutk`; not mapped unless you do |
    | `properties` | an object whose entries become properties of the occurrence, at most 50 of 1,024 characters each; \
not mapped unless you do |
    | `value`, `currency` | properties, as a number and as three letters; not mapped unless you do |
    | `contact.NAME` | a property of the contact by its internal name, for `$identify`: `contact.firstname`, say. What \
is empty clears nothing |

    | answer | what follows |
    |---|---|
    | events: 204 | delivered |
    | contacts: 200 with a result for each | delivered |
    | contacts: 207 | those that have an error rejected with HubSpot's reason, those that have a result delivered |
    | 2xx with anything else, or without a word on one | nobody knows: tried again, HubSpot keeps one |
    | 400, 409; 404 that speaks of an event or contact | sent in smaller parts, and rejected alone; all of an event \
that HubSpot says it does not have at once |
    | 401–405, 407, 410, 421, a redirect, a web page, a 4xx that is no JSON | after five in a row, it pauses |
    | 413 | sent in smaller parts |
    | 423: the contact is locked; 477: the account moves | tried again, when HubSpot says |
    | 429 | rests as long as HubSpot says, or ten seconds; an hour where the day's are used up |
    | 5xx | tried again |

    Not yet run against the vendor.
    """

    slug = "hubspot"
    label = "HubSpot"
    summary = "Keeps HubSpot's contacts up to date and sends it what they do."
    category = "crm"
    identify = "profile"
    dedupes = True
    batching = Batching(max_items=100)
    agreement = (
        "HubSpot signs a business associate agreement on some plans only, for properties that are set up as sensitive:"
        " sign it before you send health data. An email that it sends can itself reveal a condition."
    )
    default_mapping = {"event_name": "{{event.event}}", "email": "{{visitor.email}}"}

    class Settings(Schema):
        account_id = fields.String(required=True, validate=validate.Regexp(
            r"\d{1,12}\Z", error="Must be an account's number."), metadata={
            "label": "Account", "example": "1234567", "help": "Its number, the Hub ID."})  # fmt: skip
        access_token = usual.key(
            "Access token",
            "Of a private app with the scopes `crm.objects.contacts.write` and `analytics.behavioral_events.send`.",
        )
        api_version = fields.String(load_default="2026-03", validate=validate.Regexp(
            r"(v\d{1,3}|\d{4}-\d{2})\Z", error="Must be a version, such as 2026-03 or v3."), metadata={
            "label": "API version", "help": "As in the address of the API. HubSpot retires old ones."})  # fmt: skip
        endpoint = usual.endpoint("https://api.hubapi.com", "HubSpot")

    def item(self, delivery: Delivery) -> Any:
        given, event = delivery.fields, delivery.event
        known = str(uuid.UUID(ids.event_key(event.name, event.distinct_id), version=5))
        if event.name == IDENTIFY:
            return contact(given, known)
        what = occurrence(given, delivery.settings["account_id"])
        return what if isinstance(what, Rejected) else {**what, "occurredAt": iso(event.occurred_at), "uuid": known}

    def group(self, delivery: Delivery) -> str:
        return "contacts" if delivery.event.name == IDENTIFY else "events"

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        events, version = "eventName" in items[0], settings["api_version"]
        path = events_path(version) if events else contacts_path(version)
        inputs = list(items) if events else list({one["id"]: one for one in items}.values())
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {settings['access_token'].reveal()}"}
        url = f"{settings['endpoint'].rstrip('/')}/{path}"
        return Request("POST", url, headers=headers, data=to_json({"inputs": inputs}))

    def read_batch(self, response: Response, items: Sequence[Any]) -> Outcome | Sequence[Outcome]:
        said = read_object(response)
        if "eventName" in items[0]:
            outcome = by_api_answer(response, taken=response.status_code == 204 and not response.content)
            if named := undefined(response.status_code, said, outcome, items):
                return refused_together(named, len(items), "HubSpot")
        else:
            outcome = by_api_answer(response, taken=isinstance(said.get("results"), list))
            if isinstance(outcome, Delivered):
                return told_of_each(said, items)
        return refusal(response, said, outcome, len(items))


def events_path(version: str) -> str:
    events = f"events/{version}" if version.startswith("v") else f"events/custom/{version}"
    return f"{EVENTS_ELSEWHERE.get(version, events)}/send/batch"


def contacts_path(version: str) -> str:
    objects = f"crm/{version}/objects" if version.startswith("v") else f"crm/objects/{version}"
    return f"{objects}/contacts/batch/upsert"


def contact(given: Mapping[str, Any], known: str) -> dict[str, Any] | Rejected:
    address = ids.email(given.get("email"))
    if not address:
        return Rejected("no_email", "HubSpot knows a contact by the email, and none is known.", "email")
    own = properties(under(CONTACT, given), CONTACT)
    if isinstance(own, Rejected):
        return own
    return {"id": address, "idProperty": "email", "objectWriteTraceId": known, "properties": {"email": address} | own}


def occurrence(given: Mapping[str, Any], account: str) -> dict[str, Any] | Rejected:
    name, bag, who = event_name(given.get("event_name"), account), given.get("properties"), person(given)
    if not name:
        said = "A name begins with a letter and has at most 50 letters, digits and spaces: rename the event."
        return Rejected("invalid_event_name", said, "event_name")
    if not who:
        return Rejected("no_identifier", "Neither an email nor another identifier of the contact is known.", "email")
    read, wrong = read_all(given, RULES)
    if wrong:
        return unreadable(wrong, RULES[wrong])
    own = {field: value for field, value in read.items() if field not in EVENT and not field.startswith(CONTACT)}
    told = properties({**(bag if isinstance(bag, Mapping) else {}), **own})
    return told if isinstance(told, Rejected) else {"eventName": name, **who, "properties": told}


def event_name(value: Any, account: str) -> str | None:
    """``"AddToCart"`` and ``"Add to cart"`` → ``"pe1234567_add_to_cart"``; None for what HubSpot could not have."""
    whole = text(value) or ""
    if OWN_NAME.fullmatch(whole):
        return whole
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", whole).strip("_").lower()
    return f"pe{account}_{snake}" if whole.isascii() and NAME.fullmatch(snake) else None


def person(given: Mapping[str, Any]) -> dict[str, str] | None:
    """The one identifier by which HubSpot finds the contact."""
    known = {
        "objectId": text(given.get("object_id")),
        "email": ids.email(given.get("email")),
        "utk": text(given.get("utk")),
    }
    return next(({name: one} for name, one in known.items() if one), None)


def properties(given: Mapping[str, Any], prefix: str = "") -> dict[str, str] | Rejected:
    """All as HubSpot takes them, or the first that it would refuse the request for."""
    read: dict[str, str] = {}
    for field, value in given.items():
        if value in (None, []) or (isinstance(value, str) and not value.strip()):
            continue
        name, one = field.lower(), written(value)
        if not prefix and not NAME.fullmatch(name):
            said = "A property's name begins with a letter and has at most 50 letters, digits and underscores."
            return Rejected("invalid_property_name", said, field)
        if one is None:
            said = f"What is mapped to {prefix}{field} is no text, number, yes or no, nor a list of texts."
            return Rejected(f"invalid_{word(prefix + field)}", said, prefix + field)
        if not prefix and len(one) > LONGEST:
            return Rejected("property_too_long", f"A property has at most {LONGEST:,} characters.", field)
        read[name] = one
    if not prefix and len(read) > MOST_PROPERTIES:
        return Rejected("too_many_properties", f"An event has at most {MOST_PROPERTIES} properties.", "properties")
    return read


def written(value: Any) -> str | None:
    """Every value is a text: ``true``, ``12.5``, and ``a;b`` of a list."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        read = texts(value)
        return ";".join(read) if read else None
    return text(value) or (amount(value) if isinstance(value, float) else None)


def told_of_each(said: Mapping[str, Any], items: Sequence[Any]) -> Sequence[Outcome]:
    """By the id that each contact was last sent with. Where all were taken, HubSpot need not repeat it."""
    results, errors = said["results"], said.get("errors") or []
    sent = {one.get("id"): one.get("objectWriteTraceId") for one in items}
    if not errors and len(results) >= len(sent):
        return [Delivered()] * len(items)
    done = {one.get("objectWriteTraceId") for one in results if isinstance(one, Mapping)}
    wrong = dict(blamed(errors))
    lost = Unknown("not_told", "HubSpot's answer does not say what became of this contact.")
    traces = [sent[one.get("id")] for one in items]
    return [wrong.get(one) or (Delivered() if one in done else lost) for one in traces]


def blamed(errors: Any) -> Iterator[tuple[str, Outcome]]:
    """The id of a contact → why HubSpot did not take it."""
    for error in errors if isinstance(errors, list) else []:
        for trace in listed(error, "objectWriteTraceId"):
            busy = category(error) == "RATE_LIMITS"
            yield trace, Retry("rate_limits", reason(error), TEN_SECONDS, throttle=True) if busy else rejected(error)


def undefined(status: int, said: Mapping[str, Any], outcome: Outcome, items: Sequence[Any]) -> Mapping[int, Outcome]:
    """Those of the event that HubSpot says it does not have: looked for in halves, many of them cost a request each."""
    message = text(said.get("message")) or ""
    missing = category(said) == "OBJECT_NOT_FOUND"
    of_event = (status == 404 and missing) or (isinstance(outcome, Rejected) and (missing or NO_EVENT.search(message)))
    of_one = OF_ONE.search(message) or any(one.get(who, "\0") in message for one in items for who in WHO)
    if not of_event or of_one:
        return {}
    words, why = set(re.findall(r"\w+", message)), replace(rejected(said), field="event_name")
    return {place: why for place, one in enumerate(items) if one["eventName"] in words}


def refusal(response: Response, said: Mapping[str, Any], outcome: Outcome, count: int) -> Outcome:
    """Of a request that was refused as a whole. A 404 may be one event's fault, where HubSpot says so."""
    status = response.status_code
    if status in BUSY:
        return Retry(f"http_{status}", f"HubSpot answered {status}: try later.", retry_after(response) or BUSY[status])
    if status == 429 and isinstance(outcome, Retry):
        after = rest(response, said) if outcome.after is None else outcome.after
        return Retry(outcome.code, outcome.message, after, throttle=True)
    if status == 403 and isinstance(outcome, Unauthorized):
        return Unauthorized("http_403", "HubSpot refused it: has the token its scopes, and the account custom events?")
    if isinstance(outcome, Rejected) or (status == 404 and category(said) in ITS_FAULT):
        return refused_whole(rejected(said, f"http_{status}"), count, "HubSpot")
    return outcome


def rest(response: Response, said: Mapping[str, Any]) -> float:
    if said.get("policyName") == "DAILY":
        return DAY_REST
    interval = response.headers.get("X-HubSpot-RateLimit-Interval-Milliseconds", "")
    return min(int(interval) / 1000, DAY_REST) if re.fullmatch(r"[1-9]\d{0,7}", interval, re.ASCII) else TEN_SECONDS


def rejected(error: Mapping[str, Any], otherwise: str = "refused") -> Rejected:
    """In HubSpot's words, of which each may be missing."""
    many = error.get("errors")
    detail = next((one for one in many if isinstance(one, Mapping)), {}) if isinstance(many, list) else {}
    code = category(detail, "code") or category(detail, "subCategory") or category(error)
    field = next(iter(listed(detail, "propertyName") or listed(error, "propertyName")), None)
    return Rejected((code or otherwise).lower(), reason(error), text(field))


def reason(error: Mapping[str, Any]) -> str:
    return text(error.get("message")) or "HubSpot refused it, and did not say why."


def category(error: Any, name: str = "category") -> str:
    """A word of HubSpot's own, and nothing that a caller wrote."""
    said = error.get(name) if isinstance(error, Mapping) else None
    return said if isinstance(said, str) and WORD.fullmatch(said) else ""


def listed(error: Any, name: str) -> list[str]:
    context = error.get("context") if isinstance(error, Mapping) else None
    told = context.get(name) if isinstance(context, Mapping) else None
    return [one for one in told if isinstance(one, str)] if isinstance(told, list) else []


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [HubSpot]
