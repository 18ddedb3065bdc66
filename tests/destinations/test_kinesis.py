"""Amazon Kinesis, against a server that speaks it over real HTTP."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, CredentialRetrievalError
from moto.server import ThreadedMotoServer

from destinations.kinesis import Kinesis, verdicts
from ours.plugin import (
    Delivered,
    Network,
    NetworkRefused,
    Rejected,
    Retry,
    Unauthorized,
    Unknown,
    ValidationError,
    amazon,
    load_settings,
)
from ours.plugin.testing import DestinationContract
from ours.plugin.testing.exchange import answer
from tests.destinations.asking import delivery_to
from tests.receiver import Receiver

OPEN = Network(lambda _: True)
KEYS = {"access_key_id": "AKIA-for-tests", "secret_access_key": "a-secret-for-tests-9"}
GIVEN = {"stream": "my-events", **KEYS}
NAMES = ("purchase", "lead", "identify")


class TestKinesis(DestinationContract):
    destination = Kinesis
    settings: ClassVar = GIVEN


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def item(*words: Any, **changes: Any) -> Any:
    return Kinesis().item(delivery_to(Kinesis, GIVEN, *words, **changes))


def put(settings: dict[str, Any], network: Network = OPEN) -> Any:
    values, plugin = load_settings(Kinesis, settings), Kinesis()
    return plugin.send(plugin.pack([item(name) for name in NAMES], values), values, network)


def test_an_event_is_a_record_under_the_key_of_its_visitor() -> None:
    made = item()
    told = made["Data"]
    assert (told["type"], told["timestamp"]) == ("Order Completed", "2026-11-18T11:06:35.000Z")
    assert told["data"]["properties"]["order_id"] == "1001"
    assert made["PartitionKey"] == told["data"]["userId"]


@pytest.mark.parametrize("user", [None, "", {}, " "])
def test_an_event_of_nobody_is_spread_by_its_id(user: Any) -> None:
    made = item(fields={"userId": user})
    assert made["PartitionKey"] == made["Data"]["id"]
    assert len(item(fields={"userId": "x" * 400})["PartitionKey"]) == 256


@pytest.mark.parametrize(
    ("user", "key"), [("é" * 200, "é" * 128), ("😀" * 100, "😀" * 64), ("x" + "é" * 200, "x" + "é" * 127)]
)
def test_a_key_has_no_more_than_kinesis_takes_however_it_counts(user: str, key: str) -> None:
    assert item(fields={"userId": user})["PartitionKey"] == key


def test_records_arrive_in_a_stream(endpoint: str) -> None:
    keys = {"aws_access_key_id": "AKIA-for-tests", "aws_secret_access_key": "x"}
    client = boto3.session.Session(region_name="eu-west-1", **keys).client("kinesis", endpoint_url=endpoint)
    client.create_stream(StreamName="my-events", ShardCount=1)
    said = put({**GIVEN, "endpoint": endpoint, "region": "eu-west-1"})
    shard = client.get_shard_iterator(
        StreamName="my-events", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )
    found = client.get_records(ShardIterator=shard["ShardIterator"])["Records"]
    assert said == [Delivered(one["SequenceNumber"]) for one in found]
    lines = b"".join(one["Data"] for one in found).splitlines()
    assert [json.loads(line) for line in lines] == [item(name)["Data"] for name in NAMES]


def test_a_stream_that_is_not_there_is_no_events_fault(endpoint: str) -> None:
    said = put({**GIVEN, "stream": "nowhere", "endpoint": endpoint})
    assert (type(said), said.code) == (Unauthorized, "ResourceNotFoundException")
    assert "Check stream, region" in said.message


def test_a_request_is_signed_for_the_stream_that_it_goes_to(receiver: Receiver) -> None:
    receiver.answer(200, body=b'{"Records": []}')
    assert isinstance(put({**GIVEN, "endpoint": receiver.url, "region": "eu-west-1"}), Unknown)
    [came] = receiver.requests
    given = {name.lower(): value for name, value in came.headers.items()}
    assert re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=AKIA-for-tests/\d{8}/eu-west-1/kinesis/aws4_request,"
        r" SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=[0-9a-f]{64}",
        given["authorization"],
    )
    assert given["x-amz-target"] == "Kinesis_20131202.PutRecords"
    assert json.loads(came.body)["StreamName"] == "my-events"


@pytest.mark.parametrize("path", ["", "/", "/gateway/", "/a/../b//c"])
@pytest.mark.parametrize("token", [None, "a/token+of=="])
def test_the_signature_is_that_of_what_arrives(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver, path: str, token: str | None
) -> None:
    own = Credentials("AKIA-own", "a/secret", token)
    monkeypatch.setattr(amazon, "_machines_own", lambda: own)
    put({"stream": "my-events", "endpoint": f"{receiver.url}{path}", "region": "eu-west-1"})
    [came] = receiver.requests
    given = {name.lower(): value for name, value in came.headers.items()}
    signed = given["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert ("x-amz-security-token" in signed) is bool(token)
    whole = AWSRequest(
        "POST", f"http://{given['host']}{came.path}", headers={name: given[name] for name in signed}, data=came.body
    )
    whole.context["timestamp"] = given["x-amz-date"]
    check = SigV4Auth(own, "kinesis", "eu-west-1")
    signature = check.signature(check.string_to_sign(whole, check.canonical_request(whole)), whole)
    assert given["authorization"].endswith(f"Signature={signature}")


ARN = "arn:aws:kinesis:eu-central-1:123456789012:stream/my-events"


def test_a_stream_of_another_account_is_named_by_its_arn(receiver: Receiver) -> None:
    request = Kinesis().pack([item()], load_settings(Kinesis, GIVEN | {"stream": ARN}))
    assert request.url == "https://kinesis.eu-central-1.amazonaws.com/"
    assert json.loads(request.data).keys() == {"StreamARN", "Records"}
    put({**GIVEN, "stream": ARN, "endpoint": receiver.url, "region": "us-east-1"})
    [came] = receiver.requests
    assert json.loads(came.body)["StreamARN"] == ARN
    assert "/eu-central-1/kinesis/aws4_request" in dict(came.headers)["Authorization"]


def test_records_arrive_in_a_stream_that_is_named_by_its_arn(endpoint: str) -> None:
    keys = {"aws_access_key_id": "AKIA-for-tests", "aws_secret_access_key": "x"}
    client = boto3.session.Session(region_name="eu-central-1", **keys).client("kinesis", endpoint_url=endpoint)
    client.create_stream(StreamName="my-events", ShardCount=1)
    assert {type(one) for one in put({**GIVEN, "stream": ARN, "endpoint": endpoint})} == {Delivered}


def test_china_has_a_domain_of_its_own() -> None:
    for region, host in {"cn-north-1": "amazonaws.com.cn", "us-gov-west-1": "amazonaws.com"}.items():
        request = Kinesis().pack([item()], load_settings(Kinesis, GIVEN | {"region": region}))
        assert request.url == f"https://kinesis.{region}.{host}/"


def test_a_machine_without_credentials_asks_for_a_person(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    monkeypatch.setattr(amazon, "_machines_own", lambda: None)
    said = put({"stream": "my-events", "endpoint": receiver.url})
    assert (type(said), said.code, receiver.requests) == (Unauthorized, "no_credentials", [])


class Failing:
    """Credentials of the machine that can't be had."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def get_frozen_credentials(self) -> Any:
        raise self._error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ClientError({"Error": {"Code": "AccessDenied", "Message": "jane"}}, "AssumeRole"), Unauthorized),
        (CredentialRetrievalError(provider="x", error_msg="jane"), Retry),
        (RuntimeError("Credentials were refreshed, but the refreshed credentials are still expired."), Retry),
    ],
)
def test_credentials_that_can_not_be_had_cost_no_event(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver, error: Exception, kind: type
) -> None:
    monkeypatch.setattr(amazon, "_machines_own", lambda: Failing(error))
    said = put({"stream": "my-events", "endpoint": receiver.url})
    assert (type(said), said.code, receiver.requests) == (kind, "no_credentials", [])
    assert "jane" not in said.message


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Where it gets its own credentials from: a file, that is not there yet."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    amazon._session.cache_clear()
    yield tmp_path / "config"
    amazon._session.cache_clear()


def test_credentials_that_come_later_or_in_the_place_of_refused_ones_are_found(
    receiver: Receiver, machine: Path
) -> None:
    settings = {"stream": "my-events", "endpoint": receiver.url}
    assert put(settings).code == "no_credentials"
    for key_id in ("AKIA-old", "AKIA-new"):
        machine.write_text(f"[default]\naws_access_key_id = {key_id}\naws_secret_access_key = x\n")
        receiver.answer(400, body=b'{"__type": "UnrecognizedClientException"}')
        assert put(settings).code == "UnrecognizedClientException"
    told = [dict(one.headers)["Authorization"].partition("Credential=")[2][:8] for one in receiver.requests]
    assert told == ["AKIA-old", "AKIA-new"]


@pytest.mark.parametrize("given", ["access_key_id", "secret_access_key"])
def test_half_a_pair_of_keys_does_not_mean_the_machines_own_credentials(given: str) -> None:
    with pytest.raises(ValidationError, match="Give both keys"):
        load_settings(Kinesis, {"stream": "my-events", given: "x"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"stream": "arn:aws:kinesis:eu-west-1:1:stream/a"}, {"region": "EU-WEST-1"},
        {"access_key_id": "AKIA\u200b7"}, {"access_key_id": "AK\nIA"},
    ],
)  # fmt: skip
def test_what_is_no_stream_is_told_where_it_is_typed(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        load_settings(Kinesis, GIVEN | wrong)


def test_what_may_not_be_reached_or_can_not_be_is_told(endpoint: str) -> None:
    with pytest.raises(NetworkRefused, match="OURS_ALLOW_NETWORKS"):
        put({**GIVEN, "endpoint": endpoint}, Network(lambda _: False))
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert isinstance(put({**GIVEN, "endpoint": f"http://127.0.0.1:{port}"}), Retry)


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.answer(302, headers={"Location": f"{receiver.url}/elsewhere"})
    assert isinstance(put({**GIVEN, "endpoint": receiver.url}), Unauthorized)
    assert len(receiver.requests) == 1


TOOK = {"SequenceNumber": "49", "ShardId": "shardId-0"}
BUSY = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "of account 1, jane@example.com"}
FAILED = {"ErrorCode": "InternalFailure", "ErrorMessage": "Internal Service Failure"}


def said_of(*records: Any, count: int | None = None) -> Any:
    body = {"FailedRecordCount": 1, "Records": list(records)}
    return verdicts(answer(200, json.dumps(body).encode()), len(records) if count is None else count)


def test_each_record_has_its_own_verdict() -> None:
    said = said_of(TOOK, BUSY, FAILED, {})
    assert [type(one) for one in said] == [Delivered, Retry, Retry, Unknown]
    assert "jane" not in repr(said)
    assert {type(one) for one in said_of(BUSY, BUSY)} == {Retry}


@pytest.mark.parametrize("records", [[], [TOOK], [TOOK] * 3, [TOOK, None], [TOOK, "x"]])
def test_records_that_are_not_one_for_each_leave_all_unknown(records: list[Any]) -> None:
    assert isinstance(said_of(*records, count=2), Unknown)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"__type": "ProvisionedThroughputExceededException", "message": "Rate exceeded"}', Retry),
        (400, b'{"__type": "com.amazonaws.kinesis.v20131202#LimitExceededException"}', Retry),
        (400, b'{"__type": "KMSThrottlingException"}', Retry),
        (400, b'{"__type": "TooManyRequestsException"}', Retry),
        (400, b'{"__type": "RequestTimeoutException"}', Retry),
        (400, b'{"__type": "ResourceInUseException"}', Retry),
        (400, b'{"__type": "RequestExpired"}', Unauthorized),
        (400, b'{"__type": "KMSAccessDeniedException"}', Unauthorized),
        (400, b'{"__type": "ResourceNotFoundException"}', Unauthorized),
        (400, b'{"__type": "AccessDeniedException"}', Unauthorized),
        (400, b'{"__type": "UnrecognizedClientException"}', Unauthorized),
        (400, b'{"__type": "InvalidSignatureException"}', Unauthorized),
        (400, b'{"__type": "ExpiredTokenException"}', Unauthorized),
        (400, b'{"__type": "ValidationException", "message": "jane@example.com"}', Rejected),
        (400, b'{"__type": "InvalidArgumentException"}', Rejected),
        (400, b"<html>Bad Request</html>", Unauthorized),
        (403, b"<html>Forbidden</html>", Unauthorized),
        (200, b"<html>Sign in</html>", Unauthorized),
        (200, b"", Unknown),
        (413, b"", Rejected),
        (429, b"", Retry),
        (500, b'{"__type": "InternalFailure"}', Retry),
        (503, b"<html>", Retry),
    ],
)
def test_a_refusal_of_the_whole_request_goes_by_its_code(status: int, body: bytes, kind: type) -> None:
    said = verdicts(answer(status, body), 2)
    assert isinstance(said, kind)
    assert "jane" not in repr(said)


def test_a_refusal_of_the_whole_request_is_searched_for_the_record_that_is_wrong() -> None:
    assert Kinesis.batching
    assert Kinesis.batching.atomic


def test_who_was_too_fast_rests() -> None:
    said: Any = verdicts(answer(400, b'{"__type": "ThrottlingException"}'), 2)
    assert (said.after, said.throttle) == (5.0, True)


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405, 407, 408, 410, 425, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"__type": 5}', b'{"__type": "jane@example.com"}'])
def test_what_is_no_events_fault_rejects_no_event(status: int, body: bytes) -> None:
    for count in (1, 3):
        assert isinstance(verdicts(answer(status, body), count), Retry | Unauthorized)
