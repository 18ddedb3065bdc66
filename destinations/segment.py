"""Segment, and RudderStack, which speaks its language: what happened and who somebody is, for them to send on."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

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
    Schema,
    Skipped,
    by_api_answer,
    hookimpl,
    iso,
    read_object,
    to_json,
    usual,
)
from ours.plugin.identifiers import event_key, somebody
from ours.plugin.values import currency, granted, number, present, read_all, text, under, unreadable

CONTEXT, TRAITS, CONSENT = "context.", "traits.", "consent."
PEOPLE = ("userId", "anonymousId")
TRACK = {"event", "properties", *PEOPLE}
RULES = {"value": number, "revenue": number, "currency": currency}
MAPPING: Mapping[str, str | Mapped] = {
    "event": "{{event.event}}",
    "anonymousId": Mapped("{{event.user_id}}", "Hash"),
    "value": "{{event.event_properties.value}}",
    "revenue": "{{event.event_properties.revenue}}",
    "currency": "{{event.event_properties.currency}}",
    "order_id": "{{event.event_properties.order_id}}",
}
CATEGORIES = "categoryPreferences"
"""Where Segment looks for each category's yes or no, in ``context.consent``."""
FIELDS = """
    A field that is none of the following becomes a property of the event.

    | field | what it is |
    |---|---|
    | `event` | the event's name |
    | `anonymousId` | whose it is: Ours' id of the visitor, hashed, unless you map another |
    | `userId` | an id of your own, as well or instead: `{{event.external_id}}`, say; not mapped unless you do |
    | `properties` | an object whose entries become properties |
    | `value`, `revenue`, `currency` | properties, as numbers and as three letters; rejected if they can't be read |
    | `context.NAME` | of the context, with dots for what lies deeper: `context.ip`, `context.userAgent`, \
`context.page.url`; in clear, not mapped unless you do |
    | `consent.NAME` | a consent category: yes and no in any spelling, and no where it can't be read; not mapped \
unless you do |
    | `traits.NAME` | what is known of the person, for `$identify` |

    `messageId` is a hash of the event's name and its distinctId.
"""


class TrackingApi(Destination):
    """What both have in common: `POST /v1/batch`, all or nothing of a request. Where they differ, each says it for
    itself: `traits`, `consents` and `says_yes`."""

    category = "analytics"
    identify = "profile"
    default_mapping = MAPPING
    largest: ClassVar[int]
    """Bytes of an event."""

    def item(self, delivery: Delivery) -> Any:
        given, event = delivery.fields, delivery.event
        who = {name: one for name in PEOPLE if (one := somebody(given.get(name)))}
        if not who:
            return Rejected("no_identity", "Neither userId nor anonymousId names anybody.", "anonymousId")
        what = self.identified(given) if event.name == IDENTIFY else tracked(given)
        if isinstance(what, Skipped | Rejected):
            return what
        sure = {"messageId": event_key(event.name, event.distinct_id), "timestamp": iso(event.occurred_at)}
        said = {name: granted(value) for name, value in under(CONSENT, given).items()}
        context = nested(under(CONTEXT, given)) | self.consents(present(said)) | what.pop("context", {})
        item = {**what, **who, **sure, **present({"context": context})}
        if len(to_json(item)) > self.largest:
            return Rejected("too_large", f"An event has at most {self.largest:,} bytes.")
        return item

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        url = f"{settings['endpoint'].rstrip('/')}/{settings['api_version']}/batch"
        key, headers = settings["write_key"].reveal(), {"Content-Type": "application/json"}
        return Request("POST", url, headers=headers, auth=(key, ""), data=to_json({"batch": list(items)}))

    def read(self, response: Response) -> Outcome:
        return by_api_answer(response, taken=self.says_yes(response), in_json=False)

    def identified(self, given: Mapping[str, Any]) -> dict[str, Any] | Skipped:
        known = under(TRAITS, given)
        if not known:
            return Skipped("nothing_to_set", f"Map what may be known of the person: {TRAITS}plan, say.")
        return {"type": "identify", **self.traits(known)}

    def traits(self, known: dict[str, Any]) -> dict[str, Any]:
        """Where in an `identify` they lie."""
        raise NotImplementedError

    def consents(self, said: Mapping[str, bool]) -> dict[str, Any]:
        """Where in the context they lie."""
        raise NotImplementedError

    def says_yes(self, response: Response) -> bool:
        """Whether it says that it took all of them."""
        raise NotImplementedError


class Segment(TrackingApi):
    __doc__ = f"""Up to 1,000 events a request, as `track`. `$identify` is an `identify`: add it to the allow list and
    map what Segment may know of the person. What Segment does with an event, and whom it sends it on to, is set up
    there.
{FIELDS}
    Segment drops a repeat of the same `messageId`, within about a day. An event has at most 32,000 bytes here, a
    request 500,000. What Segment would drop in silence is rejected here: an event without a name, or of nobody. Consent
    counts there where Consent Management is set up; it is `context.consent`.

    | answer | what follows |
    |---|---|
    | 200 with `success` | delivered, as far as Segment tells |
    | 2xx with anything else | nobody knows: tried again, Segment drops what it has |
    | 400, 413 | sent in smaller parts, and rejected alone |
    | 401–405, 407, 410, 421, a redirect, a web page | after five in a row, it pauses |
    | 429 | the destination rests, as long as Segment asks |
    | 5xx | tried again |

    Segment looks at sizes and JSON only, and answers 200 to a key of no source, and in one region to a key of the
    other: see in the source's Debugger whether events show there. Not yet run against the vendor.
    """

    slug = "segment"
    label = "Segment"
    summary = "Sends events and what is known about people to Segment, which forwards them."
    dedupes = True
    batching = Batching(max_items=1000, max_bytes=480_000, atomic=True)
    largest = 32_000
    agreement = (
        "Segment signs a business associate agreement on some plans only: sign it before you send health data."
        " Whoever it forwards them to has to sign one, too."
    )

    class Settings(Schema):
        write_key = usual.key("Write key", "Connections, Sources, an HTTP API source, Settings, API Keys.")
        api_version = usual.api_version("v1")
        endpoint = Endpoint(load_default="https://api.segment.io", metadata={
            "label": "Endpoint",
            "help": "`https://events.eu1.segmentapis.com` for a workspace in the European Union."})  # fmt: skip

    def traits(self, known: dict[str, Any]) -> dict[str, Any]:
        return {"traits": known}

    def consents(self, said: Mapping[str, bool]) -> dict[str, Any]:
        return {"consent": {CATEGORIES: dict(said)}} if said else {}

    def says_yes(self, response: Response) -> bool:
        answer = read_object(response)
        return answer.get("success") is True and not answer.get("error")


class RudderStack(TrackingApi):
    __doc__ = f"""Up to 1,000 events a request, as `track`. `$identify` is an `identify`: add it to the allow list and
    map what RudderStack may know of the person. What RudderStack does with an event, and whom it sends it on to, is set
    up there.
{FIELDS}
    RudderStack drops repeats of a `messageId` only where that is turned on (`Dedup.enableDedup`, by default for an
    hour), so Ours does not count on it: where no answer came, a person says whether it is sent again. Consent counts
    for its destinations that have consent set up, as a custom provider's; it is `context.consentManagement`.

    | answer | what follows |
    |---|---|
    | 200 with `OK` | delivered |
    | 2xx with anything else | nobody knows: held, until a person looks |
    | 400, 413 | sent in smaller parts, and rejected alone |
    | 401: no such key; 404: the source is off, or there is none; 402, 403, 405, 407, 410, 421, a redirect, a web page \
| after five in a row, it pauses |
    | 429 | tried again; where RudderStack says when, the destination rests until then |
    | 5xx | tried again |

    RudderStack checks what an event says later than it answers: see in the source's Live Events whether it was good.
    Not yet run against the vendor.
    """

    slug = "rudderstack"
    label = "RudderStack"
    summary = "Sends events and what is known about people to RudderStack, in its cloud or on your own server."
    batching = Batching(max_items=1000, max_bytes=3_500_000, atomic=True)
    largest = 3_500_000
    agreement = (
        "RudderStack signs a business associate agreement on some plans only: sign it before you send health data."
        " On your own server, nobody else has the data, except whoever it forwards them to: they have to sign, too."
    )

    class Settings(Schema):
        write_key = usual.key("Write key", "Sources, an HTTP source, Setup.")
        api_version = usual.api_version("v1")
        endpoint = Endpoint(required=True, metadata={
            "label": "Data plane", "example": "https://example.dataplane.rudderstack.com",
            "help": "Its address, as RudderStack shows it next to the sources, or that of your server."})  # fmt: skip

    def traits(self, known: dict[str, Any]) -> dict[str, Any]:
        return {"context": {"traits": known}}

    def consents(self, said: Mapping[str, bool]) -> dict[str, Any]:
        parted = {yes: sorted(name for name in said if said[name] is yes) for yes in (True, False)}
        told = {"provider": "custom", "allowedConsentIds": parted[True], "deniedConsentIds": parted[False]}
        return {"consentManagement": told} if said else {}

    def says_yes(self, response: Response) -> bool:
        return response.status_code == 200 and response.content.strip() in (b"OK", b'"OK"')


def tracked(given: Mapping[str, Any]) -> dict[str, Any] | Rejected:
    name, bag = text(given.get("event")), given.get("properties")
    if not name:
        return Rejected("no_event", "The mapping gives no name for this event.", "event")
    read, wrong = read_all(given, RULES)
    if wrong:
        return unreadable(wrong, RULES[wrong])
    own = {field: value for field, value in read.items() if field not in TRACK}
    own = {field: value for field, value in own.items() if not field.startswith((CONTEXT, TRAITS, CONSENT))}
    return {"type": "track", "event": name, "properties": {**(bag if isinstance(bag, Mapping) else {}), **own}}


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """``page.url`` is the ``url`` in ``page``."""
    made: dict[str, Any] = {}
    for name in sorted(flat):
        *path, last = name.split(".")
        place = made
        for part in path:
            place[part] = dict(place[part]) if isinstance(place.get(part), Mapping) else {}
            place = place[part]
        place[last] = flat[name]
    return made


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [Segment, RudderStack]
