"""PostHog: events and persons, in its cloud or on a server of your own."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from ours.plugin import (
    IDENTIFY,
    Batching,
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
    Secret,
    Skipped,
    Unauthorized,
    by_api_answer,
    fields,
    hookimpl,
    iso,
    read_object,
    to_json,
    validate,
)
from ours.plugin.identifiers import event_key, somebody
from ours.plugin.values import currency, number, read_all, text, under, unreadable

PROFILE, POSTHOGS_OWN = "$set.", "$"
CHANGES_PEOPLE = {"$identify", "$create_alias", "$merge_dangerously", "$groupidentify", "$set", "$snapshot"}
EVENT = {"event", "distinct_id", "ip", "properties"}
RULES = {"value": number, "revenue": number, "currency": currency}
NOBODY = {
    "[object object]", "anonymous-user", "backend", "distinct_id", "distinctid", "email", "guest", "id", "nan",
    "not_authenticated", "system", "user",
}  # fmt: skip
TAKEN = (1, "Ok")  # as the older of its servers and the newer say it
LONGEST, LARGEST = 200, 900_000  # an event over 1 MB is dropped, counted with what PostHog adds to it
OVER_QUOTA_REST = 3600.0
WRONG_KEY = {"invalid_project", "invalid_api_key", "invalid_personal_api_key", "not_authenticated"}
SAID = {
    "without a distinct_id": "missing_distinct_id",
    "empty event name": "missing_event_name",
    "cookieless mode": "invalid_cookieless_mode",
    "failed to parse": "unparsable",
}


class PostHog(Destination):
    """Up to 1,000 events a request. `$identify` sets properties of the person instead; add it to the allow list and map
    what PostHog may know of the visitor.

    An event carries a `uuid`, made of its name and its distinctId. PostHog keeps one of those with the same uuid, name,
    person and day, as soon as it merges its tables; until then a repeat may be counted twice.

    Events make no profile of a person, unless the settings allow it: PostHog keeps them with the hash alone. It takes
    no consent with an event, so none is looked at here: what those who denied it did leaves like all else, unless a
    governance rule stops it.

    A field that is none of the following becomes a property of the event.

    | field | what it is |
    |---|---|
    | `event` | the event's name; one by which PostHog would merge or change people is rejected |
    | `distinct_id` | whose it is: Ours' id of the visitor, hashed, unless you map another; at most 200 characters |
    | `ip` | in clear, as `$ip`; not mapped unless you do. Without it no place is guessed |
    | `properties` | an object whose entries become properties, but for those that begin with `$`: they are PostHog's \
own. Map the ones you want one by one: `$current_url`, say |
    | `value`, `revenue`, `currency` | properties, as numbers and as three letters; rejected if they can't be read |
    | `$set.NAME` | a property of the person, for `$identify` |

    | answer | what follows |
    |---|---|
    | 200 with PostHog's `status`, 204 | delivered, as far as PostHog tells |
    | 2xx with anything else | nobody knows: tried again, PostHog drops what it has |
    | 200 with `quota_limited` | not kept: the destination rests for an hour |
    | 400 | one event makes PostHog refuse the whole request: sent again in halves until it is alone, and rejected |
    | 400 for the project, 401–405, 407, 410, 421, a redirect, a web page | after five in a row, it pauses |
    | 413 | sent in smaller parts |
    | 429; 5xx | the destination rests; tried again |

    PostHog looks at a key's form only, and answers 200 to one of no project, and to what is beyond the limit of a plan:
    see whether events show there. Not yet run against the vendor.
    """

    slug = "posthog"
    label = "PostHog"
    summary = "Sends events to PostHog, in its cloud or on your own server, and sets person properties."
    category = "analytics"
    identify = "profile"
    dedupes = True
    batching = Batching(max_items=1000, max_bytes=9_000_000, atomic=True)
    agreement = (
        "PostHog signs a business associate agreement for its cloud on some plans only: sign it before you send"
        " health data. On your own server, nobody else has the data."
    )
    default_mapping = {
        "event": "{{event.event}}",
        "distinct_id": Mapped("{{event.user_id}}", "Hash"),
        "value": "{{event.event_properties.value}}",
        "currency": "{{event.event_properties.currency}}",
        "order_id": "{{event.event_properties.order_id}}",
    }

    class Settings(Schema):
        project_key = Secret(required=True, validate=validate.Regexp(
            r"(?!phx_)[\x21-\x7e]{1,64}\Z", error="Must be the project's own, phc_…: a personal one is refused."),
            metadata={"label": "Project API key", "help": "Settings, Project, General."})  # fmt: skip
        endpoint = Endpoint(load_default="https://us.i.posthog.com", metadata={
            "label": "Endpoint",
            "help": "`https://eu.i.posthog.com` for the European cloud, or the address of your server."})  # fmt: skip
        person_profiles = fields.Boolean(load_default=False, metadata={
            "label": "Person profiles",
            "help": "Creates a profile for each person. PostHog charges more for such events."})  # fmt: skip

    def item(self, delivery: Delivery) -> Any:
        given, event = delivery.fields, delivery.event
        person = somebody(given.get("distinct_id"))
        if not person or person.lower() in NOBODY:
            return Rejected("no_distinct_id", "The event has no id that PostHog accepts.", "distinct_id")
        if len(person) > LONGEST:
            return Rejected("invalid_distinct_id", f"An id has at most {LONGEST} characters.", "distinct_id")
        what = profile(given) if event.name == IDENTIFY else occurrence(given, delivery.settings["person_profiles"])
        if isinstance(what, Skipped | Rejected):
            return what
        known = uuid.UUID(event_key(event.name, event.distinct_id), version=5)
        item = {**what, "distinct_id": person, "uuid": str(known), "timestamp": iso(event.occurred_at)}
        item["properties"] |= place(given)
        if len(to_json(item)) > LARGEST:
            return Rejected("too_large", f"An event has at most {LARGEST:,} bytes.")
        return item

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        body = {"api_key": settings["project_key"].reveal(), "batch": list(items)}
        url = f"{settings['endpoint'].rstrip('/')}/batch/"
        return Request("POST", url, headers={"Content-Type": "application/json"}, data=to_json(body))

    def read(self, response: Response) -> Outcome:
        said = read_object(response)
        if response.status_code == 200 and said.get("quota_limited"):
            return Retry("quota_limited", "The project is over its limit at PostHog.", OVER_QUOTA_REST, throttle=True)
        taken = said.get("status") in TAKEN or response.status_code == 204
        outcome = by_api_answer(response, taken=taken, in_json=False)
        return refusal(said, response) if response.status_code == 400 and isinstance(outcome, Rejected) else outcome


def occurrence(given: Mapping[str, Any], with_profile: bool) -> dict[str, Any] | Rejected:
    name, bag = text(given.get("event")), given.get("properties")
    if not name:
        return Rejected("no_event", "The mapping gives no name for this event.", "event")
    if name in CHANGES_PEOPLE or name.startswith("$$"):
        return Rejected("reserved_event", "By this name, PostHog would change people and no event would show.", "event")
    if len(name) > LONGEST:
        return Rejected("invalid_event", f"A name has at most {LONGEST} characters.", "event")
    read, wrong = read_all(given, RULES)
    if wrong:
        return unreadable(wrong, RULES[wrong])
    own = {field: value for field, value in read.items() if field not in EVENT and not field.startswith(PROFILE)}
    many = bag.items() if isinstance(bag, Mapping) else ()
    properties = {field: value for field, value in many if not field.startswith(POSTHOGS_OWN)} | own
    return {"event": name, "properties": properties | ({} if with_profile else {"$process_person_profile": False})}


def profile(given: Mapping[str, Any]) -> dict[str, Any] | Skipped:
    known = under(PROFILE, given)
    if not known:
        return Skipped("nothing_to_set", f"Map what PostHog may know of the visitor: {PROFILE}plan, say.")
    return {"event": "$identify", "properties": {"$set": known}}


def place(given: Mapping[str, Any]) -> dict[str, Any]:
    """Where no address is given, PostHog would take that of the server which sends."""
    address = text(given.get("ip"))
    return {"$ip": address} if address else {"$geoip_disable": True}


def refusal(said: Mapping[str, Any], response: Response) -> Outcome:
    """A server of your own may be an older one, which answers in JSON; the newer says it in plain words."""
    code = text(said.get("code"))
    if code in WRONG_KEY:
        return Unauthorized(code, "PostHog knows no project with this key.")
    told = next((word for words, word in SAID.items() if words in response.text), "invalid_request")
    return Rejected(
        code if code == "invalid_payload" else told, "PostHog refused the request for an event in it (400)."
    )


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [PostHog]
