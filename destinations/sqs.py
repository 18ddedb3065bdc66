"""Messages in a queue of Amazon SQS."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ours.plugin import (
    EVENT_MAPPING,
    Batching,
    Delivered,
    Delivery,
    Destination,
    Endpoint,
    Network,
    Outcome,
    Rejected,
    Request,
    Response,
    Retry,
    Unknown,
    amazon,
    by_api_answer,
    envelope,
    hookimpl,
    read_object,
    refused_whole,
    to_json,
    validate,
)
from ours.plugin.values import text

SERVICE, TARGET = "sqs", "AmazonSQS.SendMessageBatch"
QUEUE = re.compile(r"https?://[^/?#]+/\d{12}/[\w-]{1,80}(\.fifo)?", re.ASCII)
AMAZONS = re.compile(r"(.+\.)?sqs(-fips)?\.(?P<region>[a-z0-9-]+)\.((vpce\.)?amazonaws\.com(\.cn)?|api\.aws)")
"""Its hosts name their region."""
GROUP = re.compile(r"[!-~]{1,128}")
NOT_TAKEN = str.maketrans({"\ufffe": "\\ufffe", "\uffff": "\\uffff"})
"""What SQS lets no message hold, as JSON writes it otherwise."""
LOOK_AT = "Check the queue's address, region, keys and their rights, and this machine's clock."


class SQS(Destination):
    """Each event is one message: `{"id", "type", "timestamp", "data"}` as JSON, and `data` holds the fields of the
    mapping. The queue must exist.

    A queue whose name ends with `.fifo` gets the visitor as the message group, by the `userId` of the mapping (hashed
    where it has other signs than SQS takes there; where none is mapped, each event is a group of its own), and the
    delivery's id for its deduplication. A group's messages are handed out one after the other, as they arrived. What
    is tried again arrives later, and requests that are under way together overtake each other: where the order itself
    counts, go by `timestamp`.

    `id` is the delivery's, the same at every try. A FIFO queue drops a repeat within five minutes, a standard one keeps
    it, as it may also hand out one message twice: whoever reads them drops an `id` that was seen.

    It works with boto3: `ours plugin list` has the line that installs it. Without keys, the machine's own credentials
    are used (an instance's role, the AWS variables and files). They need `sqs:SendMessage` and nothing else; for a
    queue that is encrypted with a key of your own also `kms:GenerateDataKey` and `kms:Decrypt`. Where the machine gets
    credentials of its own from is not looked at: no setting here names it.

    Up to ten messages, a megabyte together, go into one request, each with its own verdict.

    | answer | what follows |
    |---|---|
    | 200, a message among the `Successful` | delivered, with its `MessageId` |
    | 200, a message among the `Failed`, by its `SenderFault` | rejected with SQS's code, unless that is one of those \
below |
    | 200, a message among the `Failed`, by no fault of its own | this one is tried again |
    | 200 without a word on a message; 2xx with anything else | nobody knows: tried again, with the same `id` |
    | `RequestThrottled`, `KmsThrottled`, throttling | the destination rests for five seconds |
    | `InternalFailure`, `ServiceUnavailable`, `RequestTimeout`, 408, 429, 5xx | tried again |
    | no such queue, `AccessDeniedException`, wrong or expired keys, a key of KMS, this machine's clock; 401–405, \
407, 410, 421, a redirect; what SQS does not say, such as a page | after five in a row, it pauses |
    | `BatchRequestTooLong`, `InvalidMessageContents`, 413, all else | sent in smaller parts, and rejected alone |

    Amazon's own words are not kept: they may quote the message. Proven against a server that speaks SQS; not yet run
    against the vendor.
    """

    slug = "sqs"
    label = "Amazon SQS"
    summary = "Sends each event as a message to a queue of Amazon SQS, standard or FIFO."
    dedupes = True
    needs = ("boto3",)
    batching = Batching(max_items=10, max_bytes=1_000_000)
    agreement = (
        "Amazon signs a business associate agreement for its cloud: accept it, and check that it names SQS, before"
        " you send health data."
    )
    default_mapping = EVENT_MAPPING

    class Settings(amazon.BothOrNone):
        queue = Endpoint(required=True, validate=validate.Regexp(
            re.compile(rf"{QUEUE.pattern}\Z", re.ASCII), error="Must be a queue's whole address, as SQS shows it."),
            metadata={"label": "Queue", "example": "https://sqs.eu-west-1.amazonaws.com/123456789012/my-events",
                      "help": "Its URL. It must exist."})  # fmt: skip
        region = amazon.region("Of the queue; an address at Amazon has its own.")
        access_key_id = amazon.key_id()
        secret_access_key = amazon.secret_key()

    def item(self, delivery: Delivery) -> Any:
        told = to_json({"id": delivery.id} | envelope(delivery)).decode().translate(NOT_TAKEN)
        if not delivery.settings["queue"].endswith(".fifo"):
            return {"MessageBody": told}
        group = text(delivery.fields.get("userId")) or delivery.id
        return {
            "MessageBody": told,
            "MessageGroupId": group if GROUP.fullmatch(group) else hashlib.sha256(group.encode()).hexdigest(),
            "MessageDeduplicationId": delivery.id,
        }

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        parts = urlsplit(settings["queue"])
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": TARGET}
        entries = [{"Id": str(place), **one} for place, one in enumerate(items)]
        body = to_json({"QueueUrl": settings["queue"], "Entries": entries})
        return Request("POST", f"{parts.scheme}://{parts.netloc}/", headers=headers, data=body)

    def send(self, request: Request, settings: Mapping[str, Any], network: Network) -> Outcome | Sequence[Outcome]:
        said = amazon.asked(request, settings, network, service=SERVICE, place=region_of(settings), look_at=LOOK_AT)
        count = len(json.loads(request.data)["Entries"])
        return verdicts(said, count) if isinstance(said, Response) else said


def region_of(settings: Mapping[str, Any]) -> str:
    named = AMAZONS.fullmatch(urlsplit(settings["queue"]).hostname or "")
    return str(named["region"] if named else settings["region"])


def verdicts(response: Response, count: int) -> Outcome | Sequence[Outcome]:
    """By the ids that the messages were sent with: their positions."""
    if not 200 <= response.status_code < 300:
        return refused_whole(amazon.refusal(response, "SQS", LOOK_AT), count, "SQS")
    answer = read_object(response)
    taken, failed = by_id(answer.get("Successful")), by_id(answer.get("Failed"))
    outcome = by_api_answer(response, taken=bool(taken or failed))
    if not isinstance(outcome, Delivered):
        return outcome
    lost = Unknown("not_told", "SQS's answer does not say what became of this message.")
    done = {place: Delivered(text(one.get("MessageId")) or "") for place, one in taken.items()}
    told = done | {place: of_failed(one) for place, one in failed.items()}
    return [told.get(str(place), lost) for place in range(count)]


def by_id(told: Any) -> Mapping[str, Mapping[str, Any]]:
    entries = [one for one in told if isinstance(one, Mapping)] if isinstance(told, list) else []
    return {str(one.get("Id")): one for one in entries}


def of_failed(entry: Mapping[str, Any]) -> Outcome:
    named = str(entry.get("Code")).removeprefix("AWS.SimpleQueueService.").replace(".", "")
    code = named if amazon.CODE.fullmatch(named) else "refused"
    said = f"SQS did not take this message: {code}."
    if of_none := amazon.by_word(code, said, LOOK_AT):
        return of_none
    return Rejected(code, said) if entry.get("SenderFault") is True else Retry(code, said)


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [SQS]
