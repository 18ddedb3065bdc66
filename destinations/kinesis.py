"""Records in a data stream of Amazon Kinesis."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ours.plugin import (
    EVENT_MAPPING,
    Batching,
    Delivered,
    Delivery,
    Destination,
    Endpoint,
    Network,
    Outcome,
    Request,
    Response,
    Retry,
    Unknown,
    amazon,
    by_api_answer,
    envelope,
    fields,
    hookimpl,
    read_object,
    to_json,
    validate,
)
from ours.plugin.values import text

SERVICE, TARGET = "kinesis", "Kinesis_20131202.PutRecords"
NAME = r"[a-zA-Z0-9_.-]{1,128}"
ARN = re.compile(rf"arn:aws[a-z-]{{0,20}}:kinesis:(?P<region>[a-z0-9-]{{1,63}}):\d{{12}}:stream/{NAME}")
LONGEST_KEY = 256
"""Bytes, of what Kinesis calls characters."""
LOOK_AT = "Check stream, region, endpoint, keys and their rights, and this machine's clock."


class Kinesis(Destination):
    """Each event is one record: `{"id", "type", "timestamp", "data"}` as a line of JSON, and `data` holds the fields of
    the mapping. The stream must exist. Requests are shown as they are before the records are encoded.

    The partition key is the `userId` of the mapping, so that all of a visitor is in one shard; where none is mapped, it
    is the delivery's id, which spreads them evenly. Within a shard they need not be in order: Kinesis keeps none among
    records that come together, and what is tried again comes later. Readers who need order go by `timestamp`.

    `id` is the delivery's, the same at every try. Kinesis keeps a record that was sent twice, as it may also hand out
    one record twice: whoever reads them drops an `id` that was seen.

    It works with boto3: `ours plugin list` has the line that installs it. Without keys, the machine's own credentials
    are used (an instance's role, the AWS variables and files). They need `kinesis:PutRecords` and nothing else; on a
    stream that is encrypted with a key of your own also `kms:GenerateDataKey`. Where the machine gets credentials of
    its own from is not looked at: no setting here names it.

    Up to 500 records go into one request, each with its own verdict.

    | answer | what follows |
    |---|---|
    | 200, a record with its `SequenceNumber` | delivered, with that number |
    | 200, a record with an `ErrorCode`: its shard is too busy, or failed | this one is tried again |
    | 2xx with anything else, or none | nobody knows: tried again, with the same `id` |
    | `ProvisionedThroughputExceededException`, `LimitExceededException`, throttling | the destination rests for five \
seconds |
    | `InternalFailure`, `ServiceUnavailable`, `RequestTimeout`, `ResourceInUseException`, 408, 429, 5xx | tried again |
    | no such stream, `AccessDeniedException`, wrong or expired keys, a key of KMS, this machine's clock; 401–405, \
407, 410, 421, a redirect; what Kinesis does not say, such as a page | after five in a row, it pauses |
    | `ValidationException`, `InvalidArgumentException`, 413, all else | sent in smaller parts, and rejected alone |

    Amazon's own words are not kept: they may quote the record. Proven against a server that speaks Kinesis; not yet run
    against the vendor.
    """

    slug = "kinesis"
    label = "Amazon Kinesis"
    summary = "Puts each event as a record into a data stream of Amazon Kinesis."
    dedupes = True
    needs = ("boto3",)
    batching = Batching(max_items=500, max_bytes=4_500_000, atomic=True)
    agreement = (
        "Amazon signs a business associate agreement for its cloud: accept it, and check that it names Kinesis,"
        " before you send health data."
    )
    default_mapping = EVENT_MAPPING

    class Settings(amazon.BothOrNone):
        stream = fields.String(required=True, validate=validate.Regexp(
            re.compile(rf"({NAME}|{ARN.pattern})\Z"), error="Must be a stream's name or its ARN."), metadata={
            "label": "Stream", "example": "my-events",
            "help": "Its name, or its ARN if it belongs to another account. It must exist."})  # fmt: skip
        region = amazon.region("Of the stream; an ARN has its own.")
        endpoint = Endpoint(metadata={
            "label": "Endpoint", "help": "An address other than Amazon's, such as one inside your VPC."})  # fmt: skip
        access_key_id = amazon.key_id()
        secret_access_key = amazon.secret_key()

    def item(self, delivery: Delivery) -> Any:
        key = text(delivery.fields.get("userId")) or delivery.id
        return {
            "PartitionKey": key.encode()[:LONGEST_KEY].decode(errors="ignore"),
            "Data": {"id": delivery.id} | envelope(delivery),
        }

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        region = region_of(settings)
        amazons = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        host = settings.get("endpoint") or f"https://{SERVICE}.{region}.{amazons}"
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": TARGET}
        which = "StreamARN" if ARN.fullmatch(settings["stream"]) else "StreamName"
        body = to_json({which: settings["stream"], "Records": list(items)})
        return Request("POST", f"{host.rstrip('/')}/", headers=headers, data=body)

    def send(self, request: Request, settings: Mapping[str, Any], network: Network) -> Outcome | Sequence[Outcome]:
        told = json.loads(request.data)
        records = [{**one, "Data": encoded(one["Data"])} for one in told["Records"]]
        whole = Request(request.method, request.url, headers=request.headers, data=to_json(told | {"Records": records}))
        said = amazon.asked(whole, settings, network, service=SERVICE, place=region_of(settings), look_at=LOOK_AT)
        return verdicts(said, len(records)) if isinstance(said, Response) else said


def region_of(settings: Mapping[str, Any]) -> str:
    arn = ARN.fullmatch(settings["stream"])
    return str(arn["region"] if arn else settings["region"])


def encoded(value: Any) -> str:
    """As a line, so that lines stay apart where a reader puts records one behind the other."""
    return base64.b64encode(to_json(value) + b"\n").decode()


def verdicts(response: Response, count: int) -> Outcome | Sequence[Outcome]:
    answer = read_object(response)
    if 200 <= response.status_code < 300:
        records = answer.get("Records")
        fits = isinstance(records, list) and len(records) == count and all(isinstance(one, Mapping) for one in records)
        outcome = by_api_answer(response, taken=fits)
        return [of_record(one) for one in records or []] if isinstance(outcome, Delivered) else outcome
    return amazon.refusal(response, "Kinesis", LOOK_AT)


def of_record(record: Mapping[str, Any]) -> Outcome:
    if error := record.get("ErrorCode"):
        code = str(error) if amazon.CODE.fullmatch(str(error)) else "refused"
        return Retry(code, f"Kinesis did not take this record: {code}.")
    number = text(record.get("SequenceNumber"))
    return Delivered(number) if number else Unknown("no_number", "Kinesis says nothing of this record.")


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [Kinesis]
