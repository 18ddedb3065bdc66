"""What the vendor documents, sent with only host and key changed, loses nothing; and its other clients work, too."""

import asyncio
from collections.abc import Iterator

import pytest
from ours_privacy import AsyncOursPrivacy, OursPrivacy

from tests.receiver import Receiver
from tests.whole.conftest import Server, until

pytestmark = pytest.mark.slow


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as opened:
        yield opened


def test_the_documented_examples_lose_nothing(server: Server, receiver: Receiver) -> None:
    server.ours(
        "destination", "add", "webhook", "Hook", "--set", f"url={receiver.url}", "--events", "*",
        "--map", "first={{visitor.first_name}}", "--map", "last={{visitor.last_name}}",
        "--map", "plan={{visitor.custom_properties.plan}}", "--map", "email={{visitor.email}}",
    )  # fmt: skip
    key = server.key()
    told = {"email": "john@example.com", "firstName": "John", "lastName": "Doe", "plan": "premium"}
    identified = server.post("identify", {"userId": "user123", "token": key, "userProperties": told})
    assert identified.json()["success"] is True
    properties = {"amount": 99.99, "product": "Premium Plan"}
    tracked = server.track("Purchase", properties=properties)
    assert tracked.json()["success"] is True
    backfilled = server.track("Purchase", time=1754874909594)
    assert backfilled.json()["warnings"][0]["field"] == "time"
    server.settled(accepted=2, delivered=2)
    data = next(body for body in bodies(receiver) if body["properties"])
    assert data["properties"] == properties
    assert (data["first"], data["last"], data["plan"], data["email"]) == ("John", "Doe", "premium", "john@example.com")
    shown = server.ours("event", "show", tracked.json()["eventId"])
    assert "99.99" in str(shown)


def bodies(receiver: Receiver) -> list[dict[str, object]]:
    import json

    return [{"properties": {}} | json.loads(request.body)["data"] for request in receiver.requests]


def test_the_async_client_and_raw_answers_work(server: Server) -> None:
    async def send() -> int:
        async with AsyncOursPrivacy(base_url=f"{server.url}/api/v1") as client:
            answers = await asyncio.gather(
                *(
                    client.track.event(token=server.key(), event="Async", user_id="u", distinct_id=f"a{number}")
                    for number in range(10)
                )
            )
        return sum(bool(answer.success) for answer in answers)

    assert asyncio.run(send()) == 10
    with OursPrivacy(base_url=f"{server.url}/api/v1") as client:
        raw = client.track.with_raw_response.event(token=server.key(), event="Raw", user_id="u", distinct_id="r1")
    assert raw.status_code == 200
    assert raw.parse().success
    server.settled(accepted=11)


def test_the_clients_own_retries_make_no_second_event(server: Server) -> None:
    """The first answer is lost on its way: the client sends again by itself, with the same distinctId."""
    import httpx

    lost = []

    class Lossy(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = super().handle_request(request)
            if not lost:
                answer.read()
                lost.append(answer.json()["eventId"])
                raise httpx.ReadTimeout("lost", request=request)
            return answer

    with OursPrivacy(
        base_url=f"{server.url}/api/v1", http_client=httpx.Client(transport=Lossy()), max_retries=2
    ) as client:
        answer = client.track.event(token=server.key(), event="Purchase", user_id="u", distinct_id="order-1")
    assert answer.success
    until(lambda: server.balance()["accepted"] == 1)
    assert server.settled(accepted=1)["difference"] == 0
