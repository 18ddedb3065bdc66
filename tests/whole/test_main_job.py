"""The main job, with the vendor's own SDK: from a backend's call to a signed delivery, and all of it visible."""

import json
import socket
import time
from collections.abc import Iterator

import ours_privacy
import pytest
from ours_privacy import OursPrivacy
from standardwebhooks import Webhook

from tests.receiver import Receiver
from tests.whole.conftest import Server

pytestmark = pytest.mark.slow

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
DAY = 24 * 3600 * 1000


@pytest.fixture
def sdk(server: Server) -> Iterator[OursPrivacy]:
    with OursPrivacy(base_url=f"{server.url}/api/v1", max_retries=0) as client:
        yield client


def test_live_is_delivered_signed_test_is_kept_unsent_and_both_are_seen(
    server: Server, sdk: OursPrivacy, receiver: Receiver
) -> None:
    server.ours(
        "destination", "add", "webhook", "Hook", "--set", f"url={receiver.url}", "--set", f"secret={SECRET}",
        "--events", "*", "--map", "plan={{visitor.custom_properties.plan}}",
    )  # fmt: skip
    live, test = server.key("live"), server.key("test")
    visitor = {"first_name": "John", "gclid": "g1", "custom_properties": {"plan": "premium"}}
    assert sdk.visitor.upsert(token=live, user_id="user123", user_properties=visitor).success
    sdk.visitor.upsert(token=live, user_id="user123", user_properties={"gclid": None})
    now = int(time.time() * 1000)
    assert sdk.track.event(
        token=live,
        event="Purchase",
        user_id="user123",
        distinct_id="o1",
        time=now - DAY,
        event_properties={"amount": 9.5},
    ).success
    assert sdk.track.event(token=test, event="Purchase", user_id="user123", time=now - 2 * DAY).success
    batch = sdk.batch.create(
        token=live,
        events=[
            {"event": "Lead", "distinct_id": "l1", "user_id": "user123"},
            {"event": "Purchase", "distinct_id": "o1", "user_id": "user123"},
        ],
    )
    assert (batch.accepted, batch.failed) == (2, 0)

    figures = server.settled(accepted=3)
    assert (figures["delivered"], figures["sunk"]) == (2, 1)
    bodies = [Webhook(SECRET).verify(request.body, dict(request.headers)) for request in receiver.requests]
    assert sorted(body["type"] for body in bodies) == ["Lead", "Purchase"]
    purchase = next(body for body in bodies if body["type"] == "Purchase")["data"]
    assert purchase["properties"] == {"amount": 9.5}
    assert purchase["userId"] == "user123"
    assert purchase["plan"] == "premium"

    listed = server.ours("event", "list")
    assert [(event["event"], event["mode"]) for event in listed] == [
        ("Lead", "live"),
        ("Purchase", "live"),
        ("Purchase", "test"),
    ]
    assert {event["visitorId"] for event in listed} == {"user123"}
    sunk = server.ours("dispatch", "show", listed[2]["dispatches"][0]["id"])
    request = sunk["attempts"][0]["request"]
    kept = Webhook(SECRET).verify(request["body"], request["headers"])
    assert kept["data"]["event"] == "Purchase"
    assert request["url"].startswith(receiver.url)


def test_every_mistake_raises_the_sdks_own_error_with_our_sentence(standing: Server) -> None:
    with OursPrivacy(base_url=f"{standing.url}/api/v1", max_retries=0) as sdk:
        with pytest.raises(ours_privacy.AuthenticationError) as wrong_key:
            sdk.track.event(token="nonsense", event="Purchase", user_id="u")
        with pytest.raises(ours_privacy.BadRequestError) as no_event:
            sdk.track.event(token=standing.key(), event="", user_id="u")
        with pytest.raises(ours_privacy.BadRequestError) as nobody:
            sdk.track.event(token=standing.key(), event="Purchase")
    assert wrong_key.value.body["code"]  # type: ignore[index]
    assert "event" in no_event.value.body["errors"]  # type: ignore[index]
    for name in ("userId", "externalId", "email"):
        assert name in json.dumps(nobody.value.body)


def test_bad_json_and_a_wrong_content_type_are_told_apart(standing: Server) -> None:
    import requests

    url = f"{standing.url}/api/v1/track"
    bad = requests.post(url, data=b"{", headers={"Content-Type": "application/json"}, timeout=5)
    text = requests.post(url, data=b"{}", headers={"Content-Type": "text/plain"}, timeout=5)
    got = requests.get(url, timeout=5)
    assert (bad.status_code, text.status_code, got.status_code) == (400, 415, 405)
    assert got.headers["Allow"]
    for answer in (bad, text, got):
        assert answer.json()["success"] is False
        assert answer.json()["error"].endswith(".")


@pytest.mark.parametrize(
    ("line", "headers", "status"),
    [
        ("/health/live", b"X-Long: " + b"y" * 64 * 1024 + b"\r\n", 200),
        ("/health/live", b"X-Long: " + b"y" * 512 * 1024 + b"\r\n", 431),
        ("/health/live", b"".join(b"X-%d: y\r\n" % number for number in range(100)), 431),
        ("/" + "y" * 65 * 1024, b"", 414),
    ],
    ids=["long", "too long", "too many", "address"],
)
def test_headers_out_of_bounds_are_refused_and_others_are_served(
    standing: Server, line: str, headers: bytes, status: int
) -> None:
    with socket.create_connection(("127.0.0.1", standing.port), timeout=5) as caller:
        caller.sendall(f"GET {line} HTTP/1.1\r\nHost: localhost\r\n".encode() + headers + b"\r\n")
        assert caller.recv(100).startswith(f"HTTP/1.1 {status} ".encode())
    assert standing.ready()


def test_one_poison_request_among_fifty_spoils_no_other(standing: Server) -> None:
    from concurrent.futures import ThreadPoolExecutor

    before = standing.balance()["accepted"]
    poisons = {
        7: {"event": "nul \0 byte"},
        13: {"event": "文" * 1000},
        29: {"properties": {"huge": 10**30}},
    }

    def send(number: int) -> int:
        body = {"distinctId": f"poison{number}"} | poisons.get(number, {})
        return standing.track(body.pop("event", "Purchase"), **body).status_code  # type: ignore[arg-type]

    with ThreadPoolExecutor(50) as threads:
        statuses = list(threads.map(send, range(50)))
    assert [number for number, status in enumerate(statuses) if status != 200] == [7]
    assert statuses[7] == 400
    standing.settled(accepted=before + 49)
