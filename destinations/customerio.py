"""Customer.io: people and what they do, by the Track API v2."""

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
    Schema,
    Skipped,
    Split,
    Unknown,
    by_api_answer,
    fields,
    hookimpl,
    read_json,
    read_object,
    to_json,
    usual,
    validate,
)
from ours.plugin import identifiers as ids
from ours.plugin.values import currency, granted, number, read_all, text, under, unreadable, word

ATTRIBUTE = "attribute."
EVENT = {"name", "id", "email", "cio_id", "marketing_consent", "properties"}
RULES = {"value": number, "currency": currency}
STEERS = {"recipient", "from_address", "reply_to"}
LONGEST_ID, LONGEST_NAME, LONGEST_ATTRIBUTE_NAME, LONGEST_ATTRIBUTE = 150, 100, 150, 1000  # bytes
MOST_ATTRIBUTES, LARGEST = 300, 32_000
REASONS = {"required", "invalid"}
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class CustomerIO(Destination):
    """Up to 1,000 events a request, each with its own verdict: what is wrong is rejected, and the others stay accepted.
    `$identify` makes or updates the person instead; add it to the allow list and map what Customer.io may know of them.

    Customer.io knows a person by one identifier. The first of `cio_id`, `id` and `email` that is known is sent; where
    there is none, the event is rejected. What somebody did whom it does not know may make a person there. The last two
    leave in clear, so it is added with an agreement that is signed, or with your word for it.

    An event carries an `id` by which Customer.io ignores a repeat, a ULID made of its moment, name and distinctId. To
    update a person twice changes nothing, and of two updates the later counts, by its timestamp, whichever comes first.
    What happened more than 72 hours ago starts no campaign.

    A field that is none of the following becomes an attribute of the event.

    | field | what it is |
    |---|---|
    | `name` | the event's name, at most 100 bytes |
    | `id` | your id of the person, in clear, at most 150 bytes |
    | `email` | in clear; it stands in where no `id` is known, and an identify sets it as an attribute |
    | `cio_id` | Customer.io's own id of the person; not mapped unless you do |
    | `properties` | an object whose entries become attributes of the event, but for `recipient`, `from_address` and \
`reply_to`, which would say to whom a message goes. Those you may map one by one |
    | `value`, `currency` | attributes, as a number and as three letters; rejected if they can't be read |
    | `attribute.NAME` | an attribute of the person, for `$identify`: at most 300, of 1,000 bytes each |
    | `marketing_consent` | for `$identify`: no in any spelling, and what can't be read, sets `unsubscribed`; yes sets \
nothing, for whoever unsubscribed there must not be subscribed anew. Not mapped unless you do |

    | answer | what follows |
    |---|---|
    | 200 | delivered |
    | 2xx with anything else than Customer.io's answer | nobody knows: tried again, Customer.io ignores what it has |
    | 207, or 200, with `errors` | those rejected with Customer.io's reason, the others delivered |
    | 207 with an error that names no event | nobody knows which: tried again, Customer.io ignores what it has |
    | 400, the whole request | sent in smaller parts, and rejected alone |
    | 401–405, 407, 410, 421, a redirect to another region, a web page, a 4xx that is no JSON | after five in a \
row, it pauses |
    | 413 | sent in smaller parts |
    | 429; 5xx | the destination rests; tried again |

    Not yet run against the vendor.
    """

    slug = "customerio"
    label = "Customer.io"
    summary = "Sends Customer.io who people are and what they do, so that it can message them."
    category = "crm"
    identify = "profile"
    dedupes = True
    batching = Batching(max_items=1000, max_bytes=480_000)
    agreement = (
        "Customer.io signs a business associate agreement on some plans only: sign it before you send health data."
        " An email or a text message that it sends can itself reveal a condition."
    )
    default_mapping = {
        "name": "{{event.event}}",
        "id": "{{event.external_id || visitor.external_id}}",
        "email": "{{visitor.email}}",
        "value": "{{event.event_properties.value}}",
        "currency": "{{event.event_properties.currency}}",
        "order_id": "{{event.event_properties.order_id}}",
    }

    class Settings(Schema):
        site_id = fields.String(required=True, validate=validate.Regexp(
            r"[A-Za-z0-9_-]{1,64}\Z", error="Must be the site's id: letters and digits."), metadata={
            "label": "Site id", "example": "0a1b2c3d4e5f6a7b8c9d",
            "help": "Settings, API credentials, Track API keys."})  # fmt: skip
        api_key = usual.key("API key", "In the same place.")
        endpoint = Endpoint(load_default="https://track.customer.io", metadata={
            "label": "Endpoint",
            "help": "`https://track-eu.customer.io` for an account in the European Union."})  # fmt: skip
        api_version = usual.api_version("v2")

    def item(self, delivery: Delivery) -> Any:
        given, event = delivery.fields, delivery.event
        who = person(given)
        if isinstance(who, Rejected):
            return who
        key = ids.event_key(event.name, event.distinct_id)
        what = update(given, who) if event.name == IDENTIFY else occurrence(given, ulid(event.occurred_at, key))
        if isinstance(what, Skipped | Rejected):
            return what
        item = {"type": "person", "identifiers": who, "timestamp": event.occurred_at // 1000, **what}
        if len(to_json(item)) > LARGEST:
            return Rejected("too_large", f"An event has at most {LARGEST:,} bytes.")
        return item

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        url = f"{settings['endpoint'].rstrip('/')}/api/{settings['api_version']}/batch"
        access, headers = (settings["site_id"], settings["api_key"].reveal()), {"Content-Type": "application/json"}
        return Request("POST", url, headers=headers, auth=access, data=to_json({"batch": list(items)}))

    def read_batch(self, response: Response, items: Sequence[Any]) -> Outcome | Sequence[Outcome]:
        said = read_object(response)
        errors = said.get("errors")
        told = [one if isinstance(one, Mapping) else {} for one in errors] if isinstance(errors, list) else []
        read = not response.content or isinstance(read_json(response), dict)
        outcome = by_api_answer(response, taken=read and not (said.get("error") or said.get("meta")))
        if isinstance(outcome, Delivered) and errors:
            return by_index(told, len(items))
        if response.status_code != 400 or not isinstance(outcome, Rejected):
            return outcome
        if len(items) > 1:
            return Split("refused_with_others", "Customer.io refused the whole request (400).")
        return refused(told[0]) if told else outcome


def person(given: Mapping[str, Any]) -> dict[str, str] | Rejected:
    """The one identifier by which Customer.io knows them."""
    known = {"cio_id": text(given.get("cio_id")), "id": ids.somebody(given.get("id")), "email": mailbox(given)}
    if len((known["id"] or "").encode()) > LONGEST_ID:
        return Rejected("invalid_id", f"An id has at most {LONGEST_ID} bytes.", "id")
    found = next(({name: one} for name, one in known.items() if one), None)
    return found or Rejected("no_identifier", "Neither an id nor an email of the visitor is known.", "id")


def mailbox(given: Mapping[str, Any]) -> str | None:
    return ids.email(given.get("email"))


def occurrence(given: Mapping[str, Any], known: str) -> dict[str, Any] | Rejected:
    name, bag = text(given.get("name")), given.get("properties")
    if not name:
        return Rejected("no_name", "The mapping gives no name for this event.", "name")
    if len(name.encode()) > LONGEST_NAME:
        return Rejected("invalid_name", f"A name has at most {LONGEST_NAME} bytes.", "name")
    read, wrong = read_all(given, RULES)
    if wrong:
        return unreadable(wrong, RULES[wrong])
    own = {field: value for field, value in read.items() if field not in EVENT and not field.startswith(ATTRIBUTE)}
    many = bag.items() if isinstance(bag, Mapping) else ()
    attributes = {field: value for field, value in many if field not in STEERS} | own
    return {"action": "event", "name": name, "id": known, "attributes": attributes}


def update(given: Mapping[str, Any], who: Mapping[str, str]) -> dict[str, Any] | Skipped | Rejected:
    known = under(ATTRIBUTE, given)
    if "email" not in who and (address := mailbox(given)):
        known["email"] = address
    if granted(given.get("marketing_consent")) is False:
        known["unsubscribed"] = True
    if not known and "email" not in who:
        return Skipped("nothing_to_set", f"Map what Customer.io may know of the person: {ATTRIBUTE}plan, say.")
    return too_much(known) or {"action": "identify", "attributes": known}


def too_much(attributes: Mapping[str, Any]) -> Rejected | None:
    if len(attributes) > MOST_ATTRIBUTES:
        return Rejected("too_many_attributes", f"A person has at most {MOST_ATTRIBUTES} attributes.", ATTRIBUTE)
    for name, value in attributes.items():
        size = len(value.encode() if isinstance(value, str) else to_json(value))
        if len(name.encode()) > LONGEST_ATTRIBUTE_NAME or size > LONGEST_ATTRIBUTE:
            return Rejected("attribute_too_long", f"An attribute has at most {LONGEST_ATTRIBUTE:,} bytes.", name)
    return None


def ulid(moment: int, key: str) -> str:
    """A ULID of the event's moment and of 80 bits of its key, so that it is the same at every try."""
    bits = min(max(moment, 0), 2**48 - 1) << 80 | int(key[:20], 16)
    return "".join(CROCKFORD[bits >> shift & 31] for shift in range(125, -1, -5))


def by_index(errors: Sequence[Mapping[str, Any]], count: int) -> Sequence[Outcome]:
    """Those that are named are rejected, the others were accepted. An error without its event makes all unknown."""
    if not errors or any(one.get("batch_index") not in range(count) for one in errors):
        return [Unknown("index_missing", "Customer.io refused some of them, and did not say which.")] * count
    told = {one["batch_index"]: refused(one) for one in errors}
    return [told.get(index, Delivered()) for index in range(count)]


def refused(error: Mapping[str, Any]) -> Rejected:
    reason, field = text(error.get("reason")), text(error.get("field"))
    code = reason if reason in REASONS else "refused"
    said = text(error.get("message")) or reason or "Customer.io refused it."
    return Rejected("_".join(filter(None, [code, word(field)])), said, field)


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [CustomerIO]
