"""Messages in a topic of Google Pub/Sub, published by its REST API."""

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ours.plugin import (
    EVENT_MAPPING,
    Batching,
    Delivered,
    Delivery,
    Destination,
    Outcome,
    Request,
    Response,
    Retry,
    Schema,
    Unauthorized,
    by_api_answer,
    by_api_code,
    envelope,
    fields,
    hookimpl,
    rate_limit_after,
    read_object,
    retry_after,
    to_json,
    usual,
    validate,
)
from ours.plugin.google import service_account_request
from ours.plugin.values import text

SCOPE = "https://www.googleapis.com/auth/pubsub"
LONGEST = 1024
"""Bytes that the value of an attribute may have, and an ordering key."""
TOO_FAST = "RESOURCE_EXHAUSTED"
FOR_NOW = {"ABORTED", "BAD_GATEWAY", "CANCELLED", "DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE", "UNKNOWN"}
CONFIGURED_WRONG = {"FAILED_PRECONDITION", "NOT_FOUND", "PERMISSION_DENIED", "UNAUTHENTICATED"}
REST = 60.0
"""Seconds after a quota was used up, where Google does not say how many: quotas are by the minute."""
STATUS = re.compile(r"[A-Z][A-Z_]{1,40}")
LOOK_AT = "Check project and topic, what the service account may do, and the project's billing."


class PubSub(Destination):
    """Each event is one message. Make the topic first, and let the service account publish to it:

    ```sh
    gcloud pubsub topics create events
    gcloud pubsub topics add-iam-policy-binding events --role=roles/pubsub.publisher \\
        --member=serviceAccount:ours@my-project.iam.gserviceaccount.com
    ```

    | of a message | what it is |
    |---|---|
    | data | `{"id", "type", "timestamp", "data"}` as JSON; `data` holds the fields of the mapping |
    | attribute `id` | the delivery's: the same at every try |
    | attribute `type` | the event's name, to filter by: `attributes.type = "Order Completed"`; not there for one of \
more than 1,024 bytes |

    Pub/Sub keeps a message that was published twice, as it may also hand out one message twice: whoever reads them
    drops an `id` that was seen.

    Messages come in no order, unless *Ordering key* is on: then the `userId` of the mapping is the key, and a
    subscription with message ordering hands out a visitor's messages one after the other, as they were published. What
    is tried again is published later, and requests that are under way together overtake each other: where the order
    itself counts, go by `timestamp`. Google keeps it within a region: name one in the endpoint,
    `https://europe-west1-pubsub.googleapis.com`, where Ours runs in several.

    Up to 1,000 messages, with an ordering key those of one visitor, go into one request, which Pub/Sub takes or refuses
    as a whole: one that does not fit the topic's schema is found by halves and rejected, and the others are published.

    | answer | what follows |
    |---|---|
    | 200 with a `messageId` for each | delivered, with that id |
    | 2xx with anything else | nobody knows: tried again, with the same `id` |
    | RESOURCE_EXHAUSTED, 429 | the destination rests, a minute where Google does not say how long |
    | INTERNAL, DEADLINE_EXCEEDED, UNAVAILABLE, ABORTED, CANCELLED, 5xx | tried again |
    | NOT_FOUND, PERMISSION_DENIED, UNAUTHENTICATED, FAILED_PRECONDITION (billing, a key of KMS, a region), 401–405, \
407, 410, 421, a redirect, a web page, a 4xx that is no JSON | after five in a row, it pauses |
    | INVALID_ARGUMENT, 413, all else | sent in smaller parts, and rejected alone |

    Google's own words are not kept: they may quote the message. Not yet run against the vendor.
    """

    slug = "pubsub"
    label = "Google Pub/Sub"
    summary = "Publishes each event as a message to a topic of Google Pub/Sub."
    dedupes = True
    batching = Batching(max_items=1000, max_bytes=9_000_000, atomic=True)
    agreement = (
        "Google signs a business associate agreement for Google Cloud: accept it, and check that it names Pub/Sub,"
        " before you send health data."
    )
    default_mapping = EVENT_MAPPING

    class Settings(Schema):
        service_account = usual.service_account()
        project_id = usual.google_project()
        topic = fields.String(load_default="events", validate=validate.Regexp(
            re.compile(r"(?!goog)[A-Za-z][\w.~-]{2,254}\Z", re.ASCII),
            error="Must be the topic's own name: a letter, then letters, digits and . _ ~ -, and not goog…."),
            metadata={"label": "Topic", "help": "Its name, without the project."})  # fmt: skip
        ordering_key = fields.Boolean(load_default=False, metadata={
            "label": "Ordering key",
            "help": "The visitor's `userId`, for subscriptions with message ordering."
            " A request then holds the messages of one visitor."})  # fmt: skip
        api_version = usual.api_version("v1")
        endpoint = usual.endpoint("https://pubsub.googleapis.com", "Google")

    def token_request(self, settings: Mapping[str, Any], now: int) -> Request:
        return service_account_request(settings["service_account"], SCOPE, now)

    def item(self, delivery: Delivery) -> Any:
        name = delivery.event.name
        attributes = {"id": delivery.id} | ({"type": name} if len(name.encode()) <= LONGEST else {})
        told = {"id": delivery.id} | envelope(delivery)
        message = {"attributes": attributes, "data": base64.b64encode(to_json(told)).decode()}
        return message | ({"orderingKey": key} if (key := self.group(delivery)) else {})

    def group(self, delivery: Delivery) -> str:
        """The ordering key: Pub/Sub refuses a request whose messages do not all have the same."""
        key = text(delivery.fields.get("userId")) if delivery.settings["ordering_key"] else None
        return (key or "").encode()[:LONGEST].decode(errors="ignore")

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        place = f"projects/{settings['project_id']}/topics/{settings['topic']}"
        url = f"{settings['endpoint'].rstrip('/')}/{settings['api_version']}/{place}:publish"
        body = to_json({"messages": list(items)})
        return Request("POST", url, headers={"Content-Type": "application/json"}, data=body)

    def read_batch(self, response: Response, items: Sequence[Any]) -> Outcome | Sequence[Outcome]:
        answer = read_object(response)
        ids, error = answer.get("messageIds"), answer.get("error")
        if response.status_code >= 300 and isinstance(error, Mapping):
            return refusal(error, response)
        named = isinstance(ids, list) and len(ids) == len(items) and all(one and isinstance(one, str) for one in ids)
        outcome = by_api_answer(response, taken=named and not error)
        if isinstance(outcome, Delivered) and isinstance(ids, list):
            return [Delivered(one) for one in ids]
        return outcome


def refusal(error: Mapping[str, Any], response: Response) -> Outcome:
    """By Google's own status; nothing was published."""
    status = str(error.get("status"))
    reason = status if STATUS.fullmatch(status) else f"http_{response.status_code}"
    said = f"Google answered {reason} ({response.status_code})."
    if reason == TOO_FAST or response.status_code == 429:
        return Retry(reason, said, rate_limit_after(response) or REST, throttle=True)
    if reason in FOR_NOW:
        return Retry(reason, said, retry_after(response))
    outcome = by_api_code(response, reason, said)
    if reason in CONFIGURED_WRONG or isinstance(outcome, Unauthorized):
        return Unauthorized(reason, f"{said} {LOOK_AT}")
    return outcome


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [PubSub]
