"""The webhook, checked against the library that its receivers would use."""

import base64
import json
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import time_machine
from hypothesis import given, settings, strategies
from standardwebhooks import Webhook as Receiver
from standardwebhooks.webhooks import WebhookVerificationError

from destinations.webhook import Webhook, sign
from ours.plugin import (
    Delivered,
    Rejected,
    Request,
    Retry,
    SecretValue,
    Unauthorized,
    ValidationError,
    load_settings,
)
from ours.plugin.testing import DestinationContract, sample_delivery, sample_event
from ours.plugin.testing.doubles.webhook import WebhookDouble
from ours.plugin.testing.exchange import answer
from ours.plugin.testing.samples import NOW

URL = "https://hooks.example.com/ours?team=7"
OLD, NEW = ("whsec_" + base64.b64encode(letter * 32).decode() for letter in (b"o", b"n"))


class TestWebhook(DestinationContract):
    destination = Webhook
    settings: ClassVar = {"url": URL, "secret": NEW, "previous_secret": OLD, "headers": {"X-Team": "the-team's-own"}}


class TestWebhookByGet(DestinationContract):
    destination = Webhook
    settings: ClassVar = {"url": URL, "secret": NEW, "method": "GET"}


class TestWebhookWithATemplate(DestinationContract):
    destination = Webhook
    settings: ClassVar = {
        "url": URL,
        "secret": NEW,
        "template": '{"a": "{{data.event}}", "b": ["{{data.properties}}", "<{{id}}>"], "c": 1}',
    }


def build(raw: dict[str, Any], **changes: Any) -> Request:
    values = load_settings(Webhook, {"url": URL} | raw)
    return Webhook().build(sample_delivery(settings=values, **changes))


def verify(request: Request, secret: str) -> Any:
    with time_machine.travel(NOW / 1000, tick=False):
        return Receiver(secret).verify(request.data, request.headers)


def test_the_vector_of_the_standard_gives_its_signature() -> None:
    secret = SecretValue("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_receiver_verifies_the_request_and_reads_the_event() -> None:
    assert verify(build({"secret": NEW}), NEW) == {
        "type": "Order Completed",
        "timestamp": "2026-11-18T11:06:35.000Z",
        "data": {
            "id": "019a0000000070008000000000000001",
            "distinctId": "order-1001",
            "event": "Order Completed",
            "occurredAt": "2026-11-18T11:06:35.000Z",
            "userId": "019a0000000070008000000000000101",
            "externalId": "customer-7",
            "properties": sample_event().event_properties,
        },
    }


@settings(max_examples=25, deadline=None)
@given(strategies.dictionaries(strategies.text(), strategies.text() | strategies.integers() | strategies.booleans()))
def test_any_properties_arrive_signed_and_unchanged(bag: dict[str, Any]) -> None:
    assert verify(build({"secret": NEW}, event=sample_event(event_properties=bag)), NEW)["data"]["properties"] == bag


def test_while_a_secret_is_rotated_receivers_verify_with_either() -> None:
    request = build({"secret": NEW, "previous_secret": OLD})
    assert verify(request, NEW) == verify(request, OLD)
    with pytest.raises(WebhookVerificationError):
        verify(build({"secret": NEW}), OLD)


def test_without_a_secret_the_request_says_nothing_of_a_signature() -> None:
    assert "webhook-signature" not in build({}).headers


def test_a_second_try_has_the_same_id_and_a_later_timestamp() -> None:
    first, second = build({"secret": NEW}), build({"secret": NEW}, attempt=2, now=NOW + 90_500)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 90
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


def test_the_body_is_compact_json_in_utf8() -> None:
    body = build({}, fields={"name": "Zoë"}).data
    assert '"data":{"name":"Zoë"}}'.encode() in body
    assert json.loads(body)["data"] == {"name": "Zoë"}


def test_extra_headers_are_sent_but_never_over_ours() -> None:
    ready = build({"headers": "X-Team: seven\nContent-Type: text/plain\nWebhook-Id: forged"}).prepare()
    assert ready.headers["X-Team"] == "seven"
    assert ready.headers["Content-Type"] == "application/json"
    assert ready.headers["webhook-id"] == sample_delivery().id


def test_the_method_can_be_put() -> None:
    assert build({"method": "PUT"}).method == "PUT"


def test_a_template_gives_the_body_its_shape() -> None:
    template = {
        "what": "{{ type }}", "amount": "{{data.properties.value}}", "items": "{{data.properties.items}}",
        "text": "{{data.event}}: {{data.properties.value}} {{data.properties.items}}{{data.nothing}}",
        "gone": "{{data.nothing}}", "list": ["{{data.nothing}}", 1], "deep": {"at": "{{timestamp}}", "n": None},
        "no": 5,
    }  # fmt: skip
    request = build({"secret": NEW, "template": json.dumps(template)})
    bag = sample_event().event_properties
    assert verify(request, NEW) == {
        "what": "Order Completed",
        "amount": 129.9,
        "items": bag["items"],
        "text": 'Order Completed: 129.9 [{"sku":"A-1","quantity":2,"price":64.95}]',
        "list": [None, 1],
        "deep": {"at": "2026-11-18T11:06:35.000Z"},
        "no": 5,
    }


@pytest.mark.parametrize(
    "place", ["{{event.event}}", "{{value}}", "{{ Type }}", "{{data.first name}}", "{{data.}}", "{{}}"]
)
def test_a_template_that_names_what_there_never_is_is_refused(place: str) -> None:
    with pytest.raises(ValidationError, match=r"Nothing stands for .*There are"):
        load_settings(Webhook, {"url": URL, "template": json.dumps({"a": [f"so: {place}"]})})


@pytest.mark.parametrize("template", ["{", "[]", '"{{type}}"', "[" * 100_000])
def test_a_template_must_be_a_json_object(template: str) -> None:
    with pytest.raises(ValidationError, match="Must be a JSON object"):
        load_settings(Webhook, {"url": URL, "template": template})


def test_with_get_the_fields_go_into_the_address_and_the_empty_body_is_signed() -> None:
    request = build({"method": "GET", "secret": NEW})
    query = parse_qs(urlsplit(str(request.prepare().url)).query)
    assert (query["team"], query["event"], query["distinctId"]) == (["7"], ["Order Completed"], ["order-1001"])
    assert json.loads(query["properties"][0]) == sample_event().event_properties
    assert request.prepare().body is None
    signed = sign(SecretValue(NEW), request.headers["webhook-id"], NOW // 1000, b"")
    assert request.headers["webhook-signature"] == signed
    shaped = build({"method": "GET", "template": '{"data": "{{data.event}}", "v": "{{data.properties.value}}"}'})
    assert str(shaped.prepare().url).endswith("team=7&data=Order+Completed&v=129.9")


@pytest.mark.parametrize(
    "secret",
    [
        NEW.removeprefix("whsec_"),
        "whsec_",
        "whsec_not base64",
        "whsec_" + base64.b64encode(b"x" * 23).decode(),
        "whsec_" + base64.b64encode(b"x" * 65).decode(),
    ],
)
def test_a_wrong_secret_is_refused_with_how_to_make_a_right_one(secret: str) -> None:
    with pytest.raises(ValidationError, match="openssl rand -base64 32") as refusal:
        load_settings(Webhook, {"url": URL, "secret": secret})
    assert secret == "whsec_" or secret not in str(refusal.value)


@pytest.mark.parametrize("status", [301, 404, 405, 410, 421])
def test_that_nothing_is_at_the_address_is_no_events_fault(status: int) -> None:
    outcome = Webhook().read(answer(status))
    assert isinstance(outcome, Unauthorized)
    assert "nothing at this address" in outcome.message


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, Delivered), (204, Delivered), (400, Rejected), (422, Rejected), (429, Retry), (503, Retry)],
)
def test_every_other_answer_goes_by_its_status(status: int, kind: type) -> None:
    assert isinstance(Webhook().read(answer(status)), kind)


def test_the_double_takes_each_delivery_once_and_refuses_a_wrong_signature() -> None:
    with WebhookDouble() as receiver, requests.Session() as session:
        signed = build(dict(receiver.settings))
        sent = [signed, signed, build({"url": receiver.url}), build({**receiver.settings, "secret": NEW})]
        answers = [session.send(session.prepare_request(one)).status_code for one in sent]
        assert answers == [204, 204, 204, 401]
        assert [one["type"] for one in receiver.kept] == ["Order Completed"]


def test_a_receiver_of_yours_may_answer_with_a_page() -> None:
    assert Webhook().read(answer(200, b"<html>Thanks</html>")) == Delivered()
    assert isinstance(Webhook().read(answer(404)), Unauthorized)
