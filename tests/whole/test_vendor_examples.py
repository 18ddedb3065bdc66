"""What the vendor documents, sent with only host and key changed, loses nothing."""

from collections.abc import Iterator

import pytest

from tests.receiver import Receiver
from tests.whole.conftest import Server

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
