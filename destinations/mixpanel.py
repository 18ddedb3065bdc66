"""Mixpanel: events by its import, and profiles by its engage."""

import hashlib
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
    Mapped,
    Outcome,
    Rejected,
    Request,
    Response,
    Schema,
    Skipped,
    Unknown,
    by_api_answer,
    hookimpl,
    read_json,
    read_object,
    refused_whole,
    to_json,
    usual,
)
from ours.plugin.identifiers import somebody
from ours.plugin.values import currency, number, text, under, word

PROFILE = "$set."
INSERT_ID = re.compile(r"[A-Za-z0-9-]{1,36}")
FEW_PROPERTIES, LONGEST, LARGEST = 254, 255, 1_000_000
TAKEN, REFUSED = {"OK", "1"}, "0"


class Mixpanel(Destination):
    """Up to 2,000 events a request, each with its own verdict: what is wrong is rejected, and the others stay imported.
    `$identify` updates the profile of the visitor instead; add it to the allow list and map what the profile may know.

    Mixpanel drops a repeat of the same event, moment, person and `$insert_id`, which is the event's distinctId, or
    a hash of it where Mixpanel would not take that.

    A field that is none of the following becomes a property of the event. Texts are cut at 255 characters, as Mixpanel
    would cut them.

    | field | what it is |
    |---|---|
    | `event` | the event's name |
    | `distinct_id` | whose it is: Ours' id of the visitor, hashed, unless you map another |
    | `ip` | in clear, looked up for a place and not kept; without it no place is guessed |
    | `properties` | an object whose entries become properties |
    | `value`, `currency` | `"12.50"` leaves as a number, which can be added up, and `eur` as `EUR`; all else as it is |
    | `$set.NAME` | a profile's property, for `$identify` |

    | answer | what follows |
    |---|---|
    | import: 200 | delivered |
    | import: 400 with `failed_records` | those rejected with Mixpanel's reason, the others delivered |
    | engage: 200 with `status` 1, or with 1 alone | delivered |
    | engage: 200 with `failed_records` | those rejected with Mixpanel's reason |
    | all else that is refused, and names none | sent in smaller parts, and rejected alone |
    | 2xx with anything else | nobody knows: tried again, Mixpanel drops what it has |
    | 401–405, 407, 410, 421, a redirect, a web page, a 4xx that is no JSON | after five in a row, it pauses |
    | 413 | sent in smaller parts |
    | 429; 5xx | the destination rests; tried again |

    Not yet run against the vendor.
    """

    slug = "mixpanel"
    label = "Mixpanel"
    summary = "Imports events into Mixpanel and keeps its profiles up to date."
    category = "analytics"
    identify = "profile"
    dedupes = True
    batching = Batching(max_items=2000, max_bytes=9_000_000)
    agreement = "Mixpanel signs a business associate agreement on some plans only: sign it before you send health data."
    default_mapping = {
        "event": "{{event.event}}",
        "distinct_id": Mapped("{{event.user_id}}", "Hash"),
        "value": "{{event.event_properties.value}}",
        "currency": "{{event.event_properties.currency}}",
        "order_id": "{{event.event_properties.order_id}}",
    }

    class Settings(Schema):
        token = usual.key("Project token", "Project settings, Access keys.")
        endpoint = Endpoint(load_default="https://api.mixpanel.com", metadata={
            "label": "Endpoint",
            "help": "`https://api-eu.mixpanel.com` and `https://api-in.mixpanel.com` elsewhere."})  # fmt: skip

    def item(self, delivery: Delivery) -> Any:
        given = delivery.fields
        person = somebody(given.get("distinct_id"))
        if not person:
            return Rejected("no_distinct_id", "The event has no id that Mixpanel accepts.", "distinct_id")
        item = profile(given, person) if delivery.event.name == IDENTIFY else occurrence(delivery, person)
        if not isinstance(item, Skipped | Rejected) and len(to_json(item)) > LARGEST:
            return Rejected("too_large", f"An event has at most {LARGEST:,} bytes.")
        return item

    def group(self, delivery: Delivery) -> str:
        return "engage" if delivery.event.name == IDENTIFY else "import"

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        token, host = settings["token"].reveal(), settings["endpoint"].rstrip("/")
        headers = {"Content-Type": "application/json"}
        if "$set" in items[0]:
            query, profiles = {"strict": "1", "verbose": "1"}, [{"$token": token, **item} for item in items]
            return Request("POST", f"{host}/engage", params=query, headers=headers, data=to_json(profiles))
        query = {"strict": "1"}
        return Request(
            "POST", f"{host}/import", params=query, headers=headers, auth=(token, ""), data=to_json(list(items))
        )

    def read_batch(self, response: Response, items: Sequence[Any]) -> Outcome | Sequence[Outcome]:
        alone = read_json(response)
        answer = {"status": alone} if type(alone) is int else read_object(response)
        failed = answer.get("failed_records")
        if response.status_code in (200, 400) and isinstance(failed, list) and failed:
            return by_index(failed, len(items))
        status = str(answer.get("status")).upper()
        outcome = by_api_answer(response, taken=status in TAKEN and not answer.get("error"))
        if isinstance(outcome, Unknown) and (answer.get("error") or status == REFUSED):
            outcome = Rejected("refused", str(answer.get("error") or "Mixpanel refused it, and did not say why."))
        return refused_whole(outcome, len(items), "Mixpanel")


def occurrence(delivery: Delivery, person: str) -> Any:
    given = delivery.fields
    name, bag = text(given.get("event")), given.get("properties")
    own = {key: value for key, value in given.items() if key not in {"event", "distinct_id", "ip", "properties"}}
    own = {key: worth(key, value) for key, value in own.items() if not key.startswith(PROFILE)}
    properties = {key: cut(value) for key, value in {**(bag if isinstance(bag, Mapping) else {}), **own}.items()}
    if not name:
        return Rejected("no_event", "The mapping gives no name for this event.", "event")
    if len(properties) > FEW_PROPERTIES - 4:
        return Rejected("too_many_properties", f"An event has at most {FEW_PROPERTIES} properties.", "properties")
    fixed = {
        "time": delivery.event.occurred_at,
        "distinct_id": person,
        "$insert_id": insert_id(delivery.event.distinct_id),
        "ip": text(given.get("ip")) or "0",
    }
    return {"event": cut(name), "properties": properties | fixed}


def profile(given: Mapping[str, Any], person: str) -> Any:
    known = {name: cut(value) for name, value in under(PROFILE, given).items()}
    if not known:
        return Skipped("nothing_to_set", f"Map what the profile may know: {PROFILE}plan, say.")
    return {"$distinct_id": person, "$ip": text(given.get("ip")) or "0", "$set": known}


def worth(name: str, value: Any) -> Any:
    """A sum that came as text is one that Mixpanel can add up only as a number."""
    read = number(value) if name == "value" else currency(value) if name == "currency" else None
    return value if read is None else read


def insert_id(distinct_id: str) -> str:
    """The caller's own id where Mixpanel takes it, else a hash of it."""
    fine = INSERT_ID.fullmatch(distinct_id)
    return distinct_id if fine else hashlib.sha256(distinct_id.encode()).hexdigest()[:36]


def cut(value: Any) -> Any:
    return value[:LONGEST] if isinstance(value, str) else value


def by_index(failed: Sequence[Any], count: int) -> Sequence[Outcome]:
    """Those that are named are rejected, the others were imported. Of several faults of one, the first counts; one
    without its index makes all unknown."""
    named = [one for one in failed if isinstance(one, Mapping) and one.get("index") in range(count)]
    told = {one["index"]: one for one in named[::-1]}
    if len(named) < len(failed):
        return [Unknown("index_missing", "Mixpanel refused some of them, and did not say which.")] * count
    return [refused(told[index]) if index in told else Delivered() for index in range(count)]


def refused(record: Mapping[str, Any]) -> Rejected:
    field = text(record.get("field"))
    return Rejected(f"invalid_{word(field) or 'record'}", str(record.get("message") or "Mixpanel refused it."), field)


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [Mixpanel]
