"""Amazon SQS, against a server that speaks it over real HTTP."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import boto3
import pytest
from moto.server import ThreadedMotoServer

from destinations.sqs import SQS, region_of, verdicts
from ours.plugin import (
    Delivered,
    Delivery,
    Network,
    Outcome,
    Rejected,
    Retry,
    Split,
    Unauthorized,
    Unknown,
    ValidationError,
    load_settings,
)
from ours.plugin.testing import DestinationContract
from ours.plugin.testing.exchange import answer
from tests.destinations.asking import delivery_to
from tests.receiver import Receiver

OPEN = Network(lambda _: True)
KEYS = {"access_key_id": "AKIA-for-tests", "secret_access_key": "a-secret-for-tests-9"}
GIVEN = {"queue": "https://sqs.eu-west-1.amazonaws.com/123456789012/my-events", **KEYS}
FIFO = GIVEN | {"queue": f"{GIVEN['queue']}.fifo"}
NAMES = ("purchase", "lead", "identify")


class TestSQS(DestinationContract):
    destination = SQS
    settings: ClassVar = GIVEN


class TestFIFO(DestinationContract):
    destination = SQS
    settings: ClassVar = FIFO


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"aws_access_key_id": "AKIA-for-tests", "aws_secret_access_key": "x"}
    session = boto3.session.Session(region_name="eu-west-1", **keys)
    yield session.client("sqs", endpoint_url=f"http://{host}:{port}")
    server.stop()


def item(*words: Any, settings: Any = GIVEN, **changes: Any) -> Any:
    return SQS().item(delivery_to(SQS, settings, *words, **changes))


def deliveries(settings: Any) -> list[Delivery]:
    return [replace(delivery_to(SQS, settings, name), id=f"id-{name}") for name in NAMES]


def put(settings: dict[str, Any], network: Network = OPEN) -> Any:
    values, plugin = load_settings(SQS, settings), SQS()
    items = [plugin.item(one) for one in deliveries(settings)]
    return plugin.send(plugin.pack(items, values), values, network)


def told(**answer_: Any) -> Any:
    return answer(200, json.dumps(answer_).encode())


def test_an_event_is_a_message() -> None:
    made = item()
    body = json.loads(made.pop("MessageBody"))
    assert (body["type"], body["timestamp"], made) == ("Order Completed", "2026-11-18T11:06:35.000Z", {})
    assert body["data"]["properties"]["order_id"] == "1001"


def test_in_a_fifo_queue_a_visitor_is_a_group_and_a_repeat_is_known() -> None:
    one = delivery_to(SQS, FIFO, fields={"userId": " u-7 "})
    assert (made := SQS().item(one))["MessageGroupId"] == "u-7"
    assert made["MessageDeduplicationId"] == one.id
    for nobody in (None, "", {}):
        assert item(settings=FIFO, fields={"userId": nobody})["MessageGroupId"] == one.id
    for odd in ("é", "a b", "x" * 129):
        assert len(item(settings=FIFO, fields={"userId": odd})["MessageGroupId"]) == 64


def test_a_message_holds_no_sign_that_sqs_refuses() -> None:
    body = item(name="a\x00\x1b\ufffe\uffffb")["MessageBody"]
    assert not {mark for mark in body if mark < " " or mark in "\ufffe\uffff"}
    assert json.loads(body)["type"] == "a\x00\x1b\ufffe\uffffb"


@pytest.mark.parametrize("name", ["my-events", "my-events.fifo"])
def test_messages_arrive_in_a_queue(client: Any, name: str) -> None:
    attributes = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
    url = client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    settings = {**GIVEN, "queue": url, "region": "eu-west-1"}
    said = put(settings)
    found = []
    while more := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += more
        for one in more:
            client.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
    assert {one.note for one in said} == {one["MessageId"] for one in found}
    bodies = [SQS().item(one)["MessageBody"] for one in deliveries(settings)]
    assert sorted(one["Body"] for one in found) == sorted(bodies)


def test_a_queue_that_is_not_there_is_no_events_fault(client: Any) -> None:
    said = put({**GIVEN, "queue": f"{client.meta.endpoint_url}/123456789012/nowhere", "region": "eu-west-1"})
    assert (type(said), said.code) == (Unauthorized, "QueueDoesNotExist")
    assert "Check the queue's address" in said.message


def test_a_request_is_signed_for_the_queue_that_it_goes_to(receiver: Receiver) -> None:
    receiver.answer(200, body=b"{}")
    url = f"{receiver.url}/123456789012/my-events"
    assert isinstance(put({**GIVEN, "queue": url, "region": "eu-west-1"}), Unknown)
    [came] = receiver.requests
    given = {name.lower(): value for name, value in came.headers.items()}
    assert "/eu-west-1/sqs/aws4_request" in given["authorization"]
    assert given["x-amz-target"] == "AmazonSQS.SendMessageBatch"
    assert json.loads(came.body)["QueueUrl"] == url
    assert [one["Id"] for one in json.loads(came.body)["Entries"]] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("sqs.eu-west-1.amazonaws.com", "eu-west-1"),
        ("sqs.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("vpce-1a-2b.sqs.eu-west-1.vpce.amazonaws.com", "eu-west-1"),
        ("sqs-fips.us-west-2.amazonaws.com", "us-west-2"),
        ("sqs.eu-west-1.api.aws", "eu-west-1"),
        ("localhost:9324", "us-east-1"),
    ],
)
def test_the_region_is_that_of_the_address(host: str, region: str) -> None:
    values = load_settings(SQS, GIVEN | {"queue": f"https://{host}/123456789012/my-events"})
    assert region_of(values) == region
    assert SQS().pack([item()], values).url == f"https://{host}/"


@pytest.mark.parametrize(
    "queue",
    [
        "my-events", "https://sqs.eu-west-1.amazonaws.com/", f"{GIVEN['queue']}/more", f"{GIVEN['queue']}?a=b",
        "arn:aws:sqs:eu-west-1:123456789012:my-events", "https://a:b@example.com/123456789012/my-events",
    ],
)  # fmt: skip
def test_what_is_no_queues_address_is_refused(queue: str) -> None:
    with pytest.raises(ValidationError):
        load_settings(SQS, GIVEN | {"queue": queue})


def test_each_message_has_its_own_verdict_by_its_id() -> None:
    failed = [
        {"Id": "0", "SenderFault": True, "Code": "InvalidMessageContents", "Message": "jane@example.com"},
        {"Id": "3", "SenderFault": False, "Code": "InternalError"},
        {"Id": "4", "SenderFault": True, "Code": {"jane": 1}},
    ]
    said = verdicts(told(Successful=[{"Id": "1", "MessageId": "m-1"}], Failed=failed), 5)
    assert said == [
        Rejected("InvalidMessageContents", "SQS did not take this message: InvalidMessageContents."),
        Delivered("m-1"),
        Unknown("not_told", "SQS's answer does not say what became of this message."),
        Retry("InternalError", "SQS did not take this message: InternalError."),
        Rejected("refused", "SQS did not take this message: refused."),
    ]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("RequestThrottled", Retry),
        ("KMS.ThrottlingException", Retry),
        ("ServiceUnavailable", Retry),
        ("KMS.AccessDeniedException", Unauthorized),
        ("KmsDisabled", Unauthorized),
        ("AWS.SimpleQueueService.UnsupportedOperation", Unauthorized),
        ("AWS.SimpleQueueService.MessageTooLong", Rejected),
        ("InvalidParameterValue", Rejected),
    ],
)
def test_no_message_is_rejected_for_what_is_not_its_own_fault(code: str, kind: type[Outcome]) -> None:
    """Whoever sends too fast, or has no right to the queue's key, is a sender at fault, too."""
    failed = [{"Id": "0", "SenderFault": True, "Code": code}]
    [said] = verdicts(told(Successful=[], Failed=failed), 1)
    assert isinstance(said, kind)


def test_one_that_is_named_as_taken_and_as_failed_was_not_taken() -> None:
    twice = told(Successful=[{"Id": "0"}, {"Id": "1"}], Failed=[{"Id": "0", "SenderFault": True, "Code": "X" * 3}])
    assert [type(one) for one in verdicts(twice, 2)] == [Rejected, Delivered]


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (200, {}, Unknown),
        (200, {"Successful": [], "Failed": []}, Unknown),
        (200, {"Successful": "all"}, Unknown),
        (200, [1], Unknown),
        (200, b"<html>", Unauthorized),
        (400, b"<html>", Unauthorized),
        (400, b"", Unauthorized),
        (400, {"__type": "com.amazonaws.sqs#QueueDoesNotExist"}, Unauthorized),
        (403, {"__type": "com.amazon.coral.service#AccessDeniedException"}, Unauthorized),
        (400, {"__type": "com.amazonaws.sqs#RequestThrottled"}, Retry),
        (400, {"__type": "com.amazonaws.sqs#KmsThrottled"}, Retry),
        (400, {"__type": "com.amazonaws.sqs#KmsDisabled"}, Unauthorized),
        (400, {"__type": "com.amazonaws.sqs#BatchRequestTooLong"}, Split),
        (400, {"__type": "com.amazon.coral.service#InvalidParameterValueException"}, Split),
        (302, b"", Unauthorized),
        (503, b"", Retry),
    ],
)
def test_the_verdicts_on_a_whole_request(status: int, said: Any, kind: type[Outcome]) -> None:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    outcome = verdicts(answer(status, body), 2)
    assert isinstance(outcome, kind)
    assert isinstance(verdicts(answer(status, body), 1), Rejected if kind is Split else kind)
