"""What the vendor documents, pasted with only host and key changed, loses nothing."""

import json
import shlex
from typing import Any

import pytest
import requests

from tests.receiver import Receiver
from tests.whole.conftest import Server

pytestmark = pytest.mark.slow


HOST = "https://api.oursprivacy.com"
TRACK = """
curl -X POST https://api.oursprivacy.com/api/v1/track \\
  -H "Content-Type: application/json" \\
  -d '{
    "event": "Purchase",
    "userId": "user123",
    "token": "your-api-key",
    "properties": {
      "amount": 99.99,
      "product": "Premium Plan"
    }
  }'
"""
IDENTIFY = """
curl -X POST https://api.oursprivacy.com/api/v1/identify \\
  -H "Content-Type: application/json" \\
  -d '{
    "userId": "user123",
    "token": "your-api-key",
    "userProperties": {
      "email": "john@example.com",
      "firstName": "John",
      "lastName": "Doe",
      "plan": "premium"
    }
  }'
"""
BACKFILL = """
curl -X POST https://api.oursprivacy.com/api/v1/track \\
  -H "Content-Type: application/json" \\
  -d '{
    "event": "Purchase",
    "userId": "user123",
    "token": "your-api-key",
    "time": 1754874909594
  }'
"""


def paste(server: Server, line: str) -> Any:
    """Send what the curl line sends, and return its answer."""
    mine = line.replace(HOST, server.url).replace("your-api-key", server.key()).replace("\\\n", "")
    curl, _, method, url, _, header, _, body = shlex.split(mine)
    assert (curl, method) == ("curl", "POST")
    answer = requests.post(url, data=body, headers=dict([header.split(": ")]), timeout=30)
    assert answer.status_code == 200
    said = answer.json()
    assert said["success"] is True
    return said


def test_the_documented_examples_lose_nothing(server: Server, receiver: Receiver) -> None:
    server.ours(
        "destination", "add", "webhook", "Hook", "--set", f"url={receiver.url}", "--events", "*",
        "--map", "first={{visitor.first_name}}", "--map", "last={{visitor.last_name}}",
        "--map", "plan={{visitor.custom_properties.plan}}", "--map", "email={{visitor.email}}",
    )  # fmt: skip
    identified, tracked, backfilled = (paste(server, line) for line in (IDENTIFY, TRACK, BACKFILL))
    assert [(one["field"], one["code"]) for one in identified["warnings"]] == [
        ("userProperties.firstName", "renamed"),
        ("userProperties.lastName", "renamed"),
        ("userProperties.plan", "moved"),
    ]
    assert "warnings" not in tracked
    assert [(one["field"], one["code"]) for one in backfilled["warnings"]] == [("time", "time_too_old")]
    server.settled(accepted=2, delivered=2)
    data = {body["data"]["id"]: body["data"] for body in (json.loads(one.body) for one in receiver.requests)}
    purchase = data[tracked["eventId"]]
    assert purchase["properties"] == {"amount": 99.99, "product": "Premium Plan"}
    found = [purchase[name] for name in ("first", "last", "plan", "email", "userId")]
    assert found == ["John", "Doe", "premium", "john@example.com", "user123"]
    shown = server.ours("event", "show", tracked["eventId"])
    assert "99.99" in str(shown)
    assert [one["id"] for one in server.ours("event", "list")] == [tracked["eventId"], backfilled["eventId"]]
