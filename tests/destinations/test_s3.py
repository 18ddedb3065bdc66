"""Object storage, against a server that speaks S3 over real HTTP."""

import gzip
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from destinations import s3
from destinations.s3 import S3, client_for, unanswered, verdict
from ours.plugin import (
    Delivered,
    Network,
    NetworkRefused,
    Rejected,
    Retry,
    Split,
    Unauthorized,
    ValidationError,
    load_settings,
)
from ours.plugin.testing import DestinationContract, sample_delivery, sample_event
from ours.plugin.testing.samples import NOW
from tests.receiver import Receiver

OPEN = Network(lambda _: True)
KEYS = {"access_key_id": "AKIA-for-tests", "secret_access_key": "a-secret-for-tests-9"}


class TestS3(DestinationContract):
    destination = S3
    settings: ClassVar = {"bucket": "my-events", **KEYS}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, request: pytest.FixtureRequest) -> Any:
    """An empty bucket of this test's own."""
    keys = {"aws_access_key_id": "AKIA-for-tests", "aws_secret_access_key": "x"}
    resource = boto3.session.Session(region_name="us-east-1", **keys).resource("s3", endpoint_url=endpoint)
    return resource.create_bucket(Bucket=f"b-{abs(hash(request.node.name))}")


def write(settings: dict[str, Any], *ids: str, network: Network = OPEN, **changes: Any) -> Any:
    values, plugin = load_settings(S3, settings), S3()
    items = [plugin.item(sample_delivery(settings=values, id=one, **changes)) for one in ids]
    return plugin.send(plugin.pack(items, values), values, network)


@pytest.mark.parametrize(
    ("given", "missing"), [("access_key_id", "secret_access_key"), ("secret_access_key", "access_key_id")]
)
def test_half_a_pair_of_keys_does_not_mean_the_machines_own_credentials(given: str, missing: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        load_settings(S3, {"bucket": "my-events", given: "x", missing: ""})
    assert refusal.value.messages == {missing: ["Give both keys, or none for the machine's own credentials."]}


@pytest.mark.parametrize("region", ["US East (Ohio)", "https://s3.eu-west-1.amazonaws.com", "eu_west_1", "EU-WEST-1"])
def test_a_region_is_a_short_name(region: str) -> None:
    with pytest.raises(ValidationError, match="such as eu-west-1"):
        load_settings(S3, {"bucket": "my-events", "region": region})
    for fine in ("auto", "us-gov-west-1", " eu-west-1 "):
        assert load_settings(S3, {"bucket": "my-events", "region": fine})["region"] == fine.strip()


def test_events_are_lines_of_a_gzip_object_named_for_their_hour(endpoint: str, bucket: Any) -> None:
    settings = {"bucket": bucket.name, "endpoint": endpoint, "encryption": "AES256", **KEYS}
    outcome = write(settings, "a" * 32, "b" * 32)
    [found] = bucket.objects.all()
    assert outcome == Delivered(found.key)
    assert found.key.startswith("ours/dt=2026-11-18/hour=11/")
    lines = gzip.decompress(found.get()["Body"].read()).splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["a" * 32, "b" * 32]
    assert json.loads(lines[0])["data"]["properties"] == sample_event().event_properties
    assert found.get()["ServerSideEncryption"] == "AES256"


def test_the_same_events_again_overwrite_their_object(endpoint: str, bucket: Any) -> None:
    settings = {"bucket": bucket.name, "endpoint": endpoint, "prefix": "a/b=c", **KEYS}
    assert write(settings, "a", "b") == write(settings, "a", "b")
    write(settings, "a", "c")
    keys = [found.key for found in bucket.objects.all()]
    assert len(keys) == 2
    assert all(key.startswith("a/b=c/dt=2026-11-18/hour=11/") for key in keys)


def test_only_events_of_the_same_hour_go_together() -> None:
    groups = [S3().group(sample_delivery(event=sample_event(occurred_at=NOW + step))) for step in (0, 1, 3_600_000)]
    assert groups == ["2026-11-18T11", "2026-11-18T11", "2026-11-18T12"]


def test_a_bucket_that_is_not_there_is_no_events_fault(endpoint: str) -> None:
    outcome = write({"bucket": "nowhere-at-all", "endpoint": endpoint, **KEYS}, "a")
    assert isinstance(outcome, Unauthorized)
    assert outcome.code == "NoSuchBucket"


@pytest.mark.parametrize("status", [200, 202, 204])
@pytest.mark.parametrize("page", [b"", b"<html>Sign in</html>"])
def test_a_2xx_that_names_no_etag_is_no_storages(receiver: Receiver, status: int, page: bytes) -> None:
    """A console, a captive portal: it kept nothing."""
    receiver.answer(status, body=page if status != 204 else b"")
    outcome = write({"bucket": "my-events", "endpoint": receiver.url, **KEYS}, "a")
    assert isinstance(outcome, Unauthorized)
    assert outcome.code == "no_etag"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_and_no_events_fault(receiver: Receiver, status: int) -> None:
    receiver.answer(status, headers={"Location": f"{receiver.url}/elsewhere"})
    outcome = write({"bucket": "my-events", "endpoint": receiver.url, **KEYS}, "a")
    assert isinstance(outcome, Unauthorized)
    assert outcome.code == "redirect"
    assert len(receiver.requests) == 1


def test_a_bucket_of_another_region_is_told(receiver: Receiver) -> None:
    body = b"<Error><Code>PermanentRedirect</Code></Error>"
    receiver.answer(301, body=body, headers={"x-amz-bucket-region": "eu-west-3", "Location": "http://169.254.169.254/"})
    outcome = write({"bucket": "my-events", "endpoint": receiver.url, **KEYS}, "a")
    assert isinstance(outcome, Unauthorized)
    assert outcome.code == "PermanentRedirect"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b"<html>Bad Request</html>", Unauthorized),
        (403, b"<html>Forbidden</html>", Unauthorized),
        (403, b"<Error><Code>RequestTimeTooSkewed</Code></Error>", Unauthorized),
        (407, b"", Unauthorized),
        (408, b"too slow", Retry),
        (413, b"<html>Request Entity Too Large</html>", Split),
        (503, b"<Error><Code>Slo", Retry),
        (400, b"<Error><Code>KeyTooLongError</Code></Error>", Rejected),
    ],
)
def test_what_stands_before_a_storage_costs_no_event(receiver: Receiver, status: int, body: bytes, kind: type) -> None:
    receiver.answer(status, body=body)
    assert isinstance(write({"bucket": "my-events", "endpoint": receiver.url, **KEYS}, "a", "b"), kind)


def test_a_storage_that_can_not_be_reached_is_a_retry() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    outcome = write({"bucket": "my-events", "endpoint": f"http://127.0.0.1:{port}", **KEYS}, "a")
    assert outcome == Retry("unanswered", "The storage gave no answer: EndpointConnectionError.")


def test_a_storage_that_may_not_be_reached_is_refused_before_a_byte_is_sent(endpoint: str) -> None:
    with pytest.raises(NetworkRefused, match="OURS_ALLOW_NETWORKS"):
        write({"bucket": "my-events", "endpoint": endpoint, **KEYS}, "a", network=Network(lambda _: False))


def test_what_the_interface_is_takes_no_more_memory_with_each_destination() -> None:
    given = [load_settings(S3, {"bucket": "my-events", "region": name, **KEYS}) for name in ("eu-west-1", "us-east-1")]
    one, other = (client_for(settings, OPEN).meta for settings in given)
    assert one.region_name != other.region_name
    assert one.service_model.metadata is other.service_model.metadata


def test_a_proxy_of_the_operators_is_asked_and_not_the_storage(receiver: Receiver) -> None:
    network = Network(lambda _: False, proxy=receiver.url)
    receiver.answer(503)
    outcome = write({"bucket": "my-events", "endpoint": "http://storage.example.com", **KEYS}, "a", network=network)
    assert isinstance(outcome, Retry)
    assert receiver.requests[0].path.startswith("http://storage.example.com/my-events/")
    with pytest.raises(NetworkRefused):
        write({"bucket": "my-events", "endpoint": "http://10.1.2.3:9000", **KEYS}, "a", network=network)


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("SlowDown", 503, Retry("SlowDown", "The storage answered SlowDown (503).", throttle=True)),
        ("InternalError", 500, Retry("InternalError", "The storage answered InternalError (500).")),
        ("RequestTimeout", 400, Retry("RequestTimeout", "The storage answered RequestTimeout (400).")),
        ("BadDigest", 400, Retry("BadDigest", "The storage answered BadDigest (400).")),
        ("IncompleteBody", 400, Retry("IncompleteBody", "The storage answered IncompleteBody (400).")),
        ("EntityTooLarge", 400, Split("EntityTooLarge", "The storage answered EntityTooLarge (400).")),
        ("EntityTooLarge", 413, Split("EntityTooLarge", "The storage answered EntityTooLarge (413).")),
        ("KeyTooLongError", 400, Rejected("KeyTooLongError", "The storage answered KeyTooLongError (400).")),
        ("", 502, Retry("unknown", "The storage answered unknown (502).")),
    ],
)
def test_the_verdict_goes_by_the_code(code: str, status: int, expected: object) -> None:
    assert verdict({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, 2) == expected


def test_an_object_that_is_too_large_by_itself_is_final() -> None:
    assert isinstance(verdict({"Error": {"Code": "EntityTooLarge"}}), Rejected)


@pytest.mark.parametrize("code", ["AccessDenied", "ExpiredToken", "SignatureDoesNotMatch", "PermanentRedirect", "403"])
def test_wrong_credentials_and_regions_ask_for_a_person(code: str) -> None:
    assert isinstance(verdict({"Error": {"Code": code}}), Unauthorized)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ClientError({"Error": {"Code": "ValidationError", "Message": "x"}}, "AssumeRole"), Unauthorized),
        (RuntimeError("Credentials were refreshed, but the refreshed credentials are still expired."), Retry),
    ],
)
def test_credentials_of_the_machine_that_can_not_be_had_cost_no_event(
    monkeypatch: pytest.MonkeyPatch, error: Exception, kind: type
) -> None:
    client = mock.Mock(put_object=mock.Mock(side_effect=error))
    monkeypatch.setattr(s3, "client_for", lambda *_: client)
    values = load_settings(S3, {"bucket": "my-events"})
    said: Any = S3().send(S3().pack([{"id": "1", "timestamp": "2026-11-18T11:06:35.000Z"}], values), values, OPEN)
    assert (type(said), said.code) == (kind, "no_credentials")


def test_no_credentials_at_all_ask_for_a_person() -> None:
    from botocore.exceptions import NoCredentialsError, ReadTimeoutError

    assert isinstance(unanswered(NoCredentialsError()), Unauthorized)
    assert isinstance(unanswered(ReadTimeoutError(endpoint_url="x")), Retry)


@pytest.mark.parametrize("wrong", [{"bucket": "No/Bucket"}, {"prefix": "a//b"}, {"prefix": "/a"}, {"prefix": "é"}])
def test_names_that_no_storage_takes_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        load_settings(S3, {"bucket": "my-events"} | wrong)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Where it gets its own credentials from: a file, that is not there yet."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    s3._client.cache_clear()
    yield tmp_path / "config"
    s3._client.cache_clear()


def own(key_id: str) -> str:
    return f"[default]\naws_access_key_id = {key_id}\naws_secret_access_key = x\n"


def test_credentials_that_come_later_are_found(bucket: Any, endpoint: str, machine: Path) -> None:
    settings = {"bucket": bucket.name, "endpoint": endpoint}
    assert write(settings, "1").code == "no_credentials"
    machine.write_text(own("AKIA-later"))
    assert isinstance(write(settings, "1"), Delivered)


def test_credentials_that_were_refused_are_looked_for_anew(receiver: Receiver, machine: Path) -> None:
    settings = {"bucket": "my-events", "endpoint": receiver.url}
    for key_id in ("AKIA-old", "AKIA-new"):
        machine.write_text(own(key_id))
        receiver.answer(403, body=b"<Error><Code>InvalidAccessKeyId</Code></Error>")
        assert isinstance(write(settings, "1"), Unauthorized)
    told = [dict(one.headers)["Authorization"].partition("Credential=")[2][:8] for one in receiver.requests]
    assert told == ["AKIA-old", "AKIA-new"]
