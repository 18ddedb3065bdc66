"""Customer.io: the very requests, whom they are about, and a verdict for each."""

import json
from typing import Any, ClassVar

import pytest

from destinations.customerio import CustomerIO, ulid
from ours.plugin import (
    Delivered,
    Delivery,
    Rejected,
    Retry,
    Split,
    Unauthorized,
    Unknown,
    ValidationError,
    load_settings,
)
from ours.plugin.identifiers import event_key
from ours.plugin.testing import DestinationContract
from ours.plugin.testing.doubles.customerio import CustomerIODouble
from ours.plugin.testing.exchange import answer
from ours.plugin.testing.samples import NOW
from tests.destinations.asking import delivery_to

GIVEN = {"site_id": "0a1b2c3d4e5f6a7b8c9d", "api_key": "a-key-for-tests"}


def known(name: str, distinct_id: str, moment: int) -> str:
    return ulid(moment, event_key(name, distinct_id))


class TestCustomerIO(DestinationContract):
    destination = CustomerIO
    settings: ClassVar = GIVEN

    def dedupe_id(self, delivery: Delivery) -> str:
        return known(delivery.event.name, delivery.event.distinct_id, delivery.event.occurred_at)


def delivery(*words: Any, **changes: Any) -> Delivery:
    return delivery_to(CustomerIO, GIVEN, *words, **changes)


def item(*args: Any, **changes: Any) -> Any:
    return CustomerIO().item(delivery(*args, **changes))


def test_a_purchase_is_one_event_of_a_batch() -> None:
    assert item() == {
        "type": "person",
        "action": "event",
        "identifiers": {"id": "customer-7"},
        "name": "Order Completed",
        "id": known("Order Completed", "order-1001", NOW - 5_000),
        "timestamp": 1_794_999_995,
        "attributes": {"value": 129.9, "currency": "EUR", "order_id": "1001"},
    }
    request = CustomerIO().pack([item(), item(name="Order Paid")], load_settings(CustomerIO, GIVEN))
    ready, body = request.prepare(), json.loads(request.data)
    assert (ready.method, ready.url) == ("POST", "https://track.customer.io/api/v2/batch")
    assert ready.headers["Authorization"] == "Basic MGExYjJjM2Q0ZTVmNmE3YjhjOWQ6YS1rZXktZm9yLXRlc3Rz"
    assert [one["name"] for one in body.pop("batch")] == ["Order Completed", "Order Paid"]
    assert body == {}


def test_a_lead_is_known_by_its_email_where_there_is_no_id() -> None:
    made = item("lead", {"email": " Jane@Example.com "})
    assert (made["identifiers"], made["attributes"]) == ({"email": "jane@example.com"}, {})


@pytest.mark.parametrize("sample", ["lead", "minimal"])
def test_an_event_of_nobody_is_rejected(sample: str) -> None:
    assert item(sample).code == "no_identifier"
    for nobody in ("null", "Anonymous", "", 0, {}):
        assert item(sample, {"id": nobody, "email": "no address"}).code == "no_identifier"


def test_customer_ios_own_id_comes_first_and_only_one_identifier_leaves() -> None:
    assert item(fields={"cio_id": "a3000001"})["identifiers"] == {"cio_id": "a3000001"}
    assert "jane@example.com" not in json.dumps(item())


def test_an_identify_updates_the_person_with_what_is_mapped_and_nothing_else() -> None:
    assert item("identify").reason == "nothing_to_set"
    made = item("identify", {"attribute.company": "Example GmbH", "email": "Jane@example.com", "plan": "gold"})
    assert made == {
        "type": "person",
        "action": "identify",
        "identifiers": {"id": "customer-9"},
        "timestamp": 1_794_999_999,
        "attributes": {"company": "Example GmbH", "email": "jane@example.com"},
    }
    by_email = item("identify", {"id": None, "email": "jane@example.com"})
    assert (by_email["identifiers"], by_email["attributes"]) == ({"email": "jane@example.com"}, {})
    assert "gold" not in json.dumps(item(fields={"attribute.plan": "gold"}))


@pytest.mark.parametrize("said", [False, "no", "DENIED", 0, "perhaps", {}])
def test_who_did_not_consent_is_unsubscribed(said: Any) -> None:
    assert item("identify", {"marketing_consent": said})["attributes"] == {"unsubscribed": True}


@pytest.mark.parametrize("said", [True, "yes", "granted", "", None])
def test_who_consented_is_not_subscribed_anew(said: Any) -> None:
    made = item("identify", {"marketing_consent": said, "attribute.plan": "gold"})
    assert made["attributes"] == {"plan": "gold"}


def test_what_a_caller_sends_can_not_say_to_whom_a_message_goes() -> None:
    bag = {"recipient": "mallory@example.com", "from_address": "x", "reply_to": "y", "size": "L", "value": 1}
    attributes = item(fields={"properties": bag})["attributes"]
    assert attributes == {"size": "L", "value": 129.9, "currency": "EUR", "order_id": "1001"}
    assert item(fields={"recipient": "jane@example.com"})["attributes"]["recipient"] == "jane@example.com"


@pytest.mark.parametrize(("field", "came"), [("value", "12,50"), ("value", [1]), ("currency", "Euro")])
def test_what_was_given_and_cannot_be_read_is_rejected(field: str, came: Any) -> None:
    rejected = item(fields={field: came})
    assert (rejected.code, rejected.field) == (f"invalid_{field}", field)


def test_what_customer_io_would_refuse_is_rejected_here() -> None:
    assert item(fields={"id": "é" * 76}).code == "invalid_id"
    assert item(fields={"name": "é" * 51}).code == "invalid_name"
    assert item(fields={"name": None}).code == "no_name"
    assert item(fields={"properties": {f"p{n}": "x" * 400 for n in range(100)}}).code == "too_large"
    long = item("identify", {"attribute.story": "é" * 501})
    assert (long.code, long.field) == ("attribute_too_long", "story")
    assert item("identify", {"attribute.bag": {"a": "x" * 1000}}).code == "attribute_too_long"
    assert item("identify", {f"attribute.{'n' * 151}": 1}).code == "attribute_too_long"
    assert item("identify", {f"attribute.a{n}": n for n in range(301)}).code == "too_many_attributes"


def test_a_ulid_is_made_of_the_moment_and_the_event() -> None:
    assert ulid(1_469_918_176_385, "0" * 32) == "01ARYZ6S410000000000000000"
    assert ulid(2**48 - 1, "f" * 32) == ulid(2**60, "f" * 32) == "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"
    assert ulid(-5, "0" * 32) == "0" * 26
    assert item(name="Order Paid")["id"] != item(name="Order Sent")["id"]


def test_settings_that_can_not_be_sent_are_refused() -> None:
    for wrong in ({"site_id": "a:b"}, {"api_key": "clé"}, {"api_version": "two"}):
        with pytest.raises(ValidationError):
            load_settings(CustomerIO, {**GIVEN, **wrong})


def read(status: int, said: Any, count: int = 3) -> Any:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return CustomerIO().read_batch(answer(status, body), [{}] * count)


@pytest.mark.parametrize("status", [207, 200])
def test_the_wrong_ones_are_rejected_by_index_and_the_others_are_there(status: int) -> None:
    errors = [
        {"batch_index": 1, "reason": "required", "field": "name", "message": "name is required"},
        {"batch_index": 2, "reason": "invalid attribute"},
        {"batch_index": 2, "reason": "invalid", "field": "attributes.plan"},
    ]
    assert read(status, {"errors": errors}) == [
        Delivered(),
        Rejected("required_name", "name is required", "name"),
        Rejected("invalid_attributes_plan", "invalid", "attributes.plan"),
    ]
    assert read(207, {"errors": errors[1:2]}) == [
        Delivered(), Delivered(), Rejected("refused", "invalid attribute"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "errors",
    [[{}], [{"batch_index": 3}], [{"batch_index": "1"}], [{"batch_index": []}], [None, {"batch_index": 0}], {"a": 1}],
)
def test_an_error_that_names_no_event_leaves_all_unknown(errors: Any) -> None:
    assert [type(one) for one in read(207, {"errors": errors})] == [Unknown] * 3


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (200, {}, Delivered),
        (200, {"errors": []}, Delivered),
        (200, {"error": "no"}, Unknown),
        (200, {"meta": {"error": "unauthorized"}}, Unknown),
        (400, {"errors": [{"reason": "invalid", "field": "batch"}]}, Split),
        (400, {}, Split),
        (401, {}, Unauthorized),
        (403, b"", Unauthorized),
        (404, b"404 page not found", Unauthorized),
        (307, b"", Unauthorized),
        (429, b"", Retry),
        (500, b"", Retry),
        (503, b"{}", Retry),
    ],
)
def test_the_verdicts(status: int, said: Any, kind: type) -> None:
    assert isinstance(read(status, said), kind)


def test_alone_a_refused_request_is_rejected_with_the_reason() -> None:
    said = {"errors": [{"reason": "invalid", "field": "timestamp", "message": "No."}]}
    assert read(400, said, 1) == Rejected("invalid_timestamp", "No.", "timestamp")
    assert read(400, {}, 1).code == "http_400"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"identifiers": {}}, "identifiers"),
        ({"identifiers": {"id": "1", "email": "jane@example.com"}}, "identifiers"),
        ({"identifiers": {"email": "jane"}}, "identifiers"),
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"id": "not-a-ulid"}, "id"),
        ({"timestamp": "now"}, "timestamp"),
        ({"attributes": []}, "attributes"),
        ({"action": "identify", "attributes": {"story": "x" * 1001}}, "attributes.story"),
        ({"action": "dance"}, "action"),
        ({"attributes": {"a": "x" * 32_000}}, ""),
    ],
)
def test_the_double_names_what_is_wrong_and_takes_the_rest(change: dict[str, Any], field: str) -> None:
    with CustomerIODouble() as vendor:
        fine = {"type": "person", "action": "event", "identifiers": {"id": "1"}, "name": "A"}
        said = vendor._take([{**fine, **change}, fine])
    assert (said.status, len(vendor.kept)) == (207, 1)
    assert [(one["batch_index"], one["field"]) for one in said.body["errors"]] == [(0, field)]
