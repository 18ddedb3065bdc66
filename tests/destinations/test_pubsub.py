"""Google Pub/Sub: the very messages, all or nothing, and Google's own status."""

import base64
import json
from typing import Any, ClassVar
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from destinations.pubsub import PubSub
from ours.plugin import Delivered, Rejected, Retry, Unauthorized, Unknown, ValidationError, load_settings
from ours.plugin.testing import DestinationContract
from ours.plugin.testing.exchange import answer
from ours.plugin.testing.samples import NOW
from tests.destinations.asking import delivery_to

PRIVATE = rsa.generate_private_key(65537, 2048)
FORMAT = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
KEY = {
    "client_email": "ours@my-project.iam.gserviceaccount.com",
    "private_key": PRIVATE.private_bytes(*FORMAT).decode(),
    "token_uri": "https://oauth2.googleapis.com/token",
}
GIVEN = {"service_account": json.dumps(KEY), "project_id": "my-project"}
plugin = PubSub()


class TestPubSub(DestinationContract):
    destination = PubSub
    settings: ClassVar = GIVEN


def item(*words: Any, **changes: Any) -> Any:
    return plugin.item(delivery_to(PubSub, GIVEN, *words, **changes))


def test_an_event_is_a_message_that_can_be_told_by_its_attributes() -> None:
    one = delivery_to(PubSub, GIVEN)
    made = plugin.item(one)
    assert made["attributes"] == {"id": one.id, "type": "Order Completed"}
    told = json.loads(base64.b64decode(made["data"]))
    assert told.pop("data") == one.fields
    assert told == {"id": one.id, "type": "Order Completed", "timestamp": "2026-11-18T11:06:35.000Z"}


def test_an_identify_is_a_message_like_any_other() -> None:
    made = item("identify", {"company": "Example GmbH"})
    assert made["attributes"]["type"] == "$identify"
    assert json.loads(base64.b64decode(made["data"]))["data"]["company"] == "Example GmbH"


@pytest.mark.parametrize(("name", "there"), [("é" * 512, True), ("é" * 513, False), ("x" * 1025, False)])
def test_a_name_that_no_attribute_can_hold_costs_the_attribute_alone(name: str, there: bool) -> None:
    made = item(name=name)
    assert ("type" in made["attributes"]) is there
    assert json.loads(base64.b64decode(made["data"]))["type"] == name


def test_where_it_is_asked_for_the_visitor_is_the_ordering_key() -> None:
    keyed = GIVEN | {"ordering_key": True}
    assert plugin.item(delivery_to(PubSub, keyed, fields={"userId": " u-7 "}))["orderingKey"] == "u-7"
    assert plugin.item(delivery_to(PubSub, keyed, fields={"userId": "é" * 600}))["orderingKey"] == "é" * 512
    for nobody in (None, "", {}):
        assert "orderingKey" not in plugin.item(delivery_to(PubSub, keyed, fields={"userId": nobody}))


def test_a_request_publishes_to_the_topic() -> None:
    request = plugin.pack([item(), item("lead")], load_settings(PubSub, GIVEN | {"topic": "all-events"}))
    assert request.prepare().url == "https://pubsub.googleapis.com/v1/projects/my-project/topics/all-events:publish"
    assert [set(one) for one in json.loads(request.data)["messages"]] == [{"attributes", "data"}] * 2


def test_the_token_is_for_pubsub() -> None:
    [assertion] = parse_qs(str(plugin.token_request(load_settings(PubSub, GIVEN), NOW).prepare().body))["assertion"]
    claim = json.loads(base64.urlsafe_b64decode(assertion.split(".")[1] + "=="))
    assert claim["scope"] == "https://www.googleapis.com/auth/pubsub"


@pytest.mark.parametrize(
    "wrong",
    [
        {"topic": "projects/p/topics/t"}, {"topic": "goog-events"}, {"topic": "ab"}, {"topic": "é-vents"},
        {"topic": "a:publish"}, {"project_id": "My Project"}, {"project_id": "mine"}, {"service_account": "{}"},
    ],
)  # fmt: skip
def test_what_is_no_topic_is_told_where_it_is_typed(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as refused:
        load_settings(PubSub, GIVEN | wrong)
    assert list(refused.value.messages_dict) == list(wrong)


def test_each_message_notes_its_own_id() -> None:
    said = plugin.read_batch(answer(200, b'{"messageIds": ["7", "8"]}'), [{}, {}])
    assert said == [Delivered("7"), Delivered("8")]


@pytest.mark.parametrize(
    "body",
    [{}, {"messageIds": []}, {"messageIds": ["7"]}, {"messageIds": ["7", 8]}, {"messageIds": ["7", ""]},
     {"messageIds": "78"}, {"messageIds": ["7", "8"], "error": {"code": 500}}],
)  # fmt: skip
def test_ids_that_are_not_one_for_each_leave_all_unknown(body: dict[str, Any]) -> None:
    assert isinstance(plugin.read_batch(answer(200, json.dumps(body).encode()), [{}, {}]), Unknown)


def refused(status: int, word: str, message: str = "jane@example.com", **headers: str) -> Any:
    body = {"error": {"code": status, "status": word, "message": message}}
    return answer(status, json.dumps(body).encode(), headers)


@pytest.mark.parametrize(
    ("status", "word", "many", "alone"),
    [
        (400, "INVALID_ARGUMENT", Rejected, Rejected),
        (413, "INVALID_ARGUMENT", Rejected, Rejected),
        (400, "FAILED_PRECONDITION", Unauthorized, Unauthorized),
        (403, "PERMISSION_DENIED", Unauthorized, Unauthorized),
        (401, "UNAUTHENTICATED", Unauthorized, Unauthorized),
        (404, "NOT_FOUND", Unauthorized, Unauthorized),
        (429, "RESOURCE_EXHAUSTED", Retry, Retry),
        (499, "CANCELLED", Retry, Retry),
        (409, "ABORTED", Retry, Retry),
        (500, "INTERNAL", Retry, Retry),
        (503, "UNAVAILABLE", Retry, Retry),
        (504, "DEADLINE_EXCEEDED", Retry, Retry),
    ],
)
def test_the_verdict_goes_by_googles_status(status: int, word: str, many: type, alone: type) -> None:
    for count, kind in ((2, many), (1, alone)):
        said: Any = plugin.read_batch(refused(status, word), [{}] * count)
        assert (type(said), said.code) == (kind, word)
        assert "jane" not in said.message


def test_a_status_that_names_somebody_is_not_kept() -> None:
    said: Any = plugin.read_batch(refused(400, "jane@example.com"), [{}])
    assert (said.code, said.message) == ("http_400", "Google answered http_400 (400).")


def test_too_many_rest_as_long_as_google_asks_or_a_minute() -> None:
    for header, seconds in ({}, 60.0), ({"Retry-After": "7"}, 7.0):  # type: ignore[misc]
        said: Any = plugin.read_batch(refused(429, "RESOURCE_EXHAUSTED", **header), [{}, {}])
        assert (said.after, said.throttle) == (seconds, True)


@pytest.mark.parametrize(
    ("status", "kind"), [(200, Unauthorized), (400, Unauthorized), (404, Unauthorized), (502, Retry)]
)
def test_a_web_page_is_nobodys_answer(status: int, kind: type) -> None:
    assert isinstance(plugin.read_batch(answer(status, b"<html>Sign in</html>"), [{}, {}]), kind)
