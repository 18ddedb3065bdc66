"""Amplitude: events and user properties, by the HTTP V2 API."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ours.plugin import (
    IDENTIFY,
    Batching,
    Delivered,
    Delivery,
    Destination,
    Endpoint,
    Mapped,
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
    rate_limit_after,
    read_object,
    refused_together,
    to_json,
    usual,
    validate,
)
from ours.plugin.identifiers import event_key, somebody
from ours.plugin.values import currency, number, read_all, text, under, unreadable, whole, word

PROFILE = "$set."
AMPLITUDES_OWN = ("[Amplitude]", "$identify", "$groupidentify")
PEOPLE = ("user_id", "device_id")
TEXTS = (
    "ip", "user_agent", "app_version", "platform", "os_name", "os_version", "device_brand", "device_manufacturer",
    "device_model", "carrier", "country", "region", "city", "dma", "language", "productId", "revenueType",
)  # fmt: skip
SHORTEST_ID, LONGEST, LARGEST = 5, 1024, 900_000
REST, QUOTA_REST = 30.0, 3600.0
WRONG = {
    "events_with_invalid_fields": "invalid",
    "events_with_missing_fields": "missing",
    "events_with_invalid_id_lengths": "invalid",
}


def group(value: Any) -> dict[str, Any] | None:
    return dict(value) if isinstance(value, Mapping) else None


ON_TOP = {"revenue": number, "price": number, "quantity": whole, "session_id": whole, "groups": group}
RULES = {**ON_TOP, "value": number, "currency": currency}
EVENT = {"event_type", "event_properties", *PEOPLE, *TEXTS, *ON_TOP}


class Amplitude(Destination):
    """Up to 1,000 events a request. `$identify` sets user properties instead; add it to the allow list and map what
    Amplitude may know of the visitor.

    Amplitude drops a repeat of the same `insert_id` of the same device within 7 days. It is a hash of the event's name
    and its distinctId. An event that is tried again later than that, after a long pause, may be there twice.

    Amplitude takes no consent with an event, so none is looked at here: what those who denied it did leaves like all
    else, unless a governance rule stops it.

    A field that is none of the following becomes a property of the event. Texts are cut at 1,024 characters, which is
    the most that Amplitude takes.

    | field | what it is |
    |---|---|
    | `event_type` | the event's name |
    | `user_id` | whose it is: Ours' id of the visitor, hashed, unless you map another; at least five characters |
    | `device_id` | as well, or instead; not mapped unless you do |
    | `event_properties` | an object whose entries become properties |
    | `value`, `currency` | properties, as a number and as three letters |
    | `revenue`, or `price` and `quantity` | what counts as revenue, with `currency`; `revenue` is mapped, `value` is \
not revenue |
    | `productId`, `revenueType` | what was sold; not mapped unless you do |
    | `session_id`, `groups` | when the session began, in milliseconds; an object of group types |
    | `ip`, `user_agent`, `country`, `region`, `city`, `dma`, `language`, `platform`, `app_version`, `os_name`, \
`os_version`, `device_brand`, `device_manufacturer`, `device_model`, `carrier` | in clear; not mapped unless you do. \
Without `ip` no place is guessed |
    | `$set.NAME` | a user property, for `$identify` |

    A sum, a count or a currency that can't be read is rejected here. One event that is wrong makes Amplitude refuse the
    whole request, and name it: that one is rejected, the others are sent again at once.

    | answer | what follows |
    |---|---|
    | 200 | delivered; that Amplitude counts fewer than were sent is noted |
    | 2xx with anything else than Amplitude's count | nobody knows: tried again, Amplitude drops what it has |
    | 400 that names events | those rejected with Amplitude's reason; those of a silenced device, too |
    | 400 or 429 with `throttled_events` | those wait 30 seconds, or an hour for a day's quota; the others go at once |
    | 429 that names none | the destination rests for 30 seconds, or as long as Amplitude asks |
    | 403: Amplitude's firewall, or a region that it may not serve | sent in smaller parts; alone, as the next |
    | 400 for the API key, 401, 404, 410, a redirect, a web page, a 4xx that is no JSON | after five in a row, it \
pauses |
    | 413 | sent in smaller parts |
    | 408, 5xx | tried again |

    Not yet run against the vendor.
    """

    slug = "amplitude"
    label = "Amplitude"
    summary = "Sends events to Amplitude and keeps its user properties up to date."
    category = "analytics"
    identify = "profile"
    dedupes = True
    batching = Batching(max_items=1000, max_bytes=LARGEST, atomic=True)
    agreement = "Amplitude signs a business associate agreement by contract only: sign it before you send health data."
    default_mapping = {
        "event_type": "{{event.event}}",
        "user_id": Mapped("{{event.user_id}}", "Hash"),
        "value": "{{event.event_properties.value}}",
        "revenue": "{{event.event_properties.revenue}}",
        "currency": "{{event.event_properties.currency}}",
        "order_id": "{{event.event_properties.order_id}}",
    }

    class Settings(Schema):
        api_key = usual.key("API key", "Settings, Projects, your project.")
        endpoint = Endpoint(load_default="https://api2.amplitude.com", metadata={
            "label": "Endpoint",
            "help": "`https://api.eu.amplitude.com` for a project in the European Union."})  # fmt: skip
        min_id_length = fields.Integer(load_default=SHORTEST_ID, validate=validate.Range(1, 64), metadata={
            "label": "Shortest id", "help": "Ids with fewer characters identify nobody."})  # fmt: skip

    def item(self, delivery: Delivery) -> Any:
        given, event = delivery.fields, delivery.event
        who = people(given, delivery.settings["min_id_length"])
        if isinstance(who, Rejected):
            return who
        what = profile(given) if event.name == IDENTIFY else occurrence(given)
        if isinstance(what, Skipped | Rejected):
            return what
        when = {"time": event.occurred_at, "insert_id": event_key(event.name, event.distinct_id)}
        item = {**who, **what, **when}
        if len(to_json(item)) > LARGEST:
            return Rejected("too_large", f"An event has at most {LARGEST:,} bytes.")
        return item

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        body: dict[str, Any] = {"api_key": settings["api_key"].reveal(), "events": list(items)}
        if settings["min_id_length"] != SHORTEST_ID:
            body["options"] = {"min_id_length": settings["min_id_length"]}
        url = f"{settings['endpoint'].rstrip('/')}/2/httpapi"
        return Request("POST", url, headers={"Content-Type": "application/json"}, data=to_json(body))

    def read_batch(self, response: Response, items: Sequence[Any]) -> Outcome | Sequence[Outcome]:
        said = read_object(response)
        if response.status_code == 403 and len(items) > 1:
            return Split("blocked", "Amplitude's firewall refused the request (403).")
        count = said.get("events_ingested")
        outcome = by_api_answer(response, taken="error" not in said and (said.get("code") == 200 or count is not None))
        if response.status_code == 429 or (response.status_code == 400 and isinstance(outcome, Rejected)):
            return refusal(said, response, len(items))
        if isinstance(outcome, Delivered) and isinstance(count, int) and count != len(items):
            return Delivered(f"Amplitude says it ingested {count} of {len(items)} events.")
        return outcome


def people(given: Mapping[str, Any], shortest: int) -> dict[str, str] | Rejected:
    """Whose event it is. Amplitude refuses the whole request for an id that is too short."""
    known = {name: one for name in PEOPLE if (one := somebody(given.get(name)))}
    for name, one in known.items():
        if not shortest <= len(one) <= LONGEST:
            return Rejected(f"invalid_{name}", f"An id has {shortest} to {LONGEST} characters.", name)
    return known or Rejected("no_user_id", "The event has no id that Amplitude accepts.", "user_id")


def occurrence(given: Mapping[str, Any]) -> dict[str, Any] | Rejected:
    name, bag = text(given.get("event_type")), given.get("event_properties")
    if not name:
        return Rejected("no_event_type", "The mapping gives no name for this event.", "event_type")
    if name.startswith(AMPLITUDES_OWN):
        return Rejected("reserved_event_type", "Names that begin like this are reserved by Amplitude.", "event_type")
    read, wrong = read_all(given, RULES)
    if wrong:
        return unreadable(wrong, RULES[wrong])
    own = {field: value for field, value in read.items() if field not in EVENT and not field.startswith(PROFILE)}
    top = {field: read.get(field) for field in ON_TOP} | {field: text(given.get(field)) for field in TEXTS}
    if top["revenue"] is not None or top["price"] is not None:
        top["currency"] = read.get("currency")
    properties = {**(bag if isinstance(bag, Mapping) else {}), **own}
    top = {field: value for field, value in top.items() if value is not None}
    return {"event_type": cut(name), "event_properties": cut(properties), **cut(top)}


def profile(given: Mapping[str, Any]) -> dict[str, Any] | Skipped:
    known = under(PROFILE, given)
    if not known:
        return Skipped("nothing_to_set", f"Map what Amplitude may know of the visitor: {PROFILE}plan, say.")
    return {"event_type": "$identify", "user_properties": {"$set": cut(known)}}


def cut(value: Any) -> Any:
    """Every text in it, as long as Amplitude takes one."""
    if isinstance(value, Mapping):
        return {name: cut(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [cut(one) for one in value]
    return value[:LONGEST] if isinstance(value, str) else value


def refusal(said: Mapping[str, Any], response: Response, count: int) -> Outcome | Sequence[Outcome]:
    """Nothing was taken: those that are named are to blame, and the others go again."""
    error = text(said.get("error")) or f"Amplitude answered {response.status_code}."
    if "api key" in error.lower() or said.get("missing_field") == "api_key":
        return Unauthorized("invalid_api_key", "Amplitude knows no project with this API key.")  # its own words show it
    named = {index: outcome for index, outcome in blamed(said, response) if index in range(count)}
    if named:
        return refused_together(named, count, "Amplitude")
    if response.status_code == 429:
        return Retry("http_429", error, rate_limit_after(response) or REST, throttle=True)
    return Rejected("invalid_request", error)


def blamed(said: Mapping[str, Any], response: Response) -> Iterator[tuple[Any, Outcome]]:
    """Position → what becomes of it; of two reasons for one event, the last holds."""
    over = any(said.get(f"exceeded_daily_quota_{whose}") for whose in ("users", "devices"))
    wait = rate_limit_after(response) or (QUOTA_REST if over else REST)
    for index in listed(said.get("throttled_events")):
        yield index, Retry("throttled", "Too many events of this user or device.", wait)
    for index in listed(said.get("silenced_events")):
        yield index, Rejected("silenced", "Amplitude takes nothing more of this device.", "device_id")
    for table, how in WRONG.items():
        told = said.get(table)
        for field, indexes in told.items() if isinstance(told, dict) else ():
            for index in listed(indexes):
                yield index, Rejected(f"{how}_{word(field)}", f"Amplitude refused {field}: {how}.", str(field))


def listed(value: Any) -> list[int]:
    return [one for one in value if isinstance(one, int)] if isinstance(value, list) else []


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [Amplitude]
