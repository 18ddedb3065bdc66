"""Amplitude: the very requests, and what becomes of each event of a request that was refused."""

import json
from typing import Any, ClassVar

import pytest

from destinations.amplitude import Amplitude
from ours.plugin import Delivered, Delivery, Rejected, Retry, Skipped, Split, Unauthorized, load_settings
from ours.plugin.identifiers import event_key
from ours.plugin.testing import DestinationContract
from ours.plugin.testing.doubles.amplitude import AmplitudeDouble
from ours.plugin.testing.exchange import answer
from ours.plugin.testing.samples import NOW
from tests.destinations.asking import delivery_to, sha256

GIVEN = {"api_key": "a-key-for-tests"}


class TestAmplitude(DestinationContract):
    destination = Amplitude
    settings: ClassVar = GIVEN

    def dedupe_id(self, delivery: Delivery) -> str:
        return event_key(delivery.event.name, delivery.event.distinct_id)


def item(*words: Any, settings: dict[str, Any] | None = None, **changes: Any) -> Any:
    return Amplitude().item(delivery_to(Amplitude, GIVEN | (settings or {}), *words, **changes))


def test_a_purchase_is_one_event_of_an_upload() -> None:
    assert item() == {
        "event_type": "Order Completed",
        "user_id": sha256("019a0000000070008000000000000101"),
        "time": NOW - 5_000,
        "insert_id": event_key("Order Completed", "order-1001"),
        "event_properties": {"value": 129.9, "currency": "EUR", "order_id": "1001"},
    }
    request = Amplitude().pack([item(), item("lead")], load_settings(Amplitude, GIVEN))
    ready, body = request.prepare(), json.loads(request.data)
    assert (ready.method, ready.url) == ("POST", "https://api2.amplitude.com/2/httpapi")
    assert ready.headers["Content-Type"] == "application/json"
    assert body.keys() == {"api_key", "events"}
    assert body["api_key"] == "a-key-for-tests"
    assert [one["event_type"] for one in body["events"]] == ["Order Completed", "Lead Created"]


def test_the_other_region_and_shorter_ids_are_settings() -> None:
    chosen = {"endpoint": "https://api.eu.amplitude.com/", "min_id_length": "3"}
    request = Amplitude().pack([item()], load_settings(Amplitude, {**GIVEN, **chosen}))
    assert request.url == "https://api.eu.amplitude.com/2/httpapi"
    assert json.loads(request.data)["options"] == {"min_id_length": 3}
    assert item(fields={"user_id": "u-1"}, settings=chosen)["user_id"] == "u-1"


def test_a_lead_and_a_minimal_event_have_what_amplitude_requires() -> None:
    for sample, name in [("lead", "Lead Created"), ("minimal", "Pinged")]:
        made = item(sample)
        assert made.keys() == {"event_type", "user_id", "time", "insert_id", "event_properties"}
        assert (made["event_type"], made["event_properties"]) == (name, {})


def test_an_identify_sets_what_is_mapped_and_nothing_else() -> None:
    assert item("identify").reason == "nothing_to_set"
    made = item("identify", {"$set.company": "Example GmbH", "$set.plan": "gold"})
    assert made == {
        "event_type": "$identify",
        "user_id": sha256("019a0000000070008000000000000103"),
        "time": NOW - 1_000,
        "insert_id": event_key("$identify", "019a0000000070008000000000000003"),
        "user_properties": {"$set": {"company": "Example GmbH", "plan": "gold"}},
    }
    assert "gold" not in json.dumps(item(fields={"$set.plan": "gold"}))


def test_revenue_counts_with_its_currency_and_a_mere_value_does_not() -> None:
    made = item(fields={"revenue": "12.50", "currency": "eur", "quantity": "2", "productId": 7})
    told = ("revenue", "currency", "quantity", "productId")
    assert {name: made[name] for name in told} == {"revenue": 12.5, "currency": "EUR", "quantity": 2, "productId": "7"}
    assert made["event_properties"] == {"value": 129.9, "currency": "EUR", "order_id": "1001"}
    assert item(event_properties={"revenue": 5, "currency": "USD"})["revenue"] == 5
    assert "currency" not in item().keys() - {"event_properties"}
    assert item(fields={"price": -3})["price"] == -3


@pytest.mark.parametrize(
    ("field", "came"),
    [("value", "12,50"), ("revenue", "a lot"), ("price", [1]), ("quantity", 1.5), ("quantity", "two"),
     ("session_id", "s-1"), ("currency", "Euro"), ("groups", "acme"), ("value", True)],
)  # fmt: skip
def test_what_was_given_and_cannot_be_read_is_rejected(field: str, came: Any) -> None:
    rejected = item(fields={field: came})
    assert (rejected.code, rejected.field) == (f"invalid_{field}", field)
    assert isinstance(item(fields={field: ""}), dict)


def test_what_names_the_place_and_the_device_goes_where_amplitude_looks_for_it() -> None:
    made = item(fields={"ip": "192.0.2.7", "device_id": "device-77", "session_id": NOW, "groups": {"company": "acme"}})
    told = ("ip", "device_id", "session_id", "groups")
    assert [made[name] for name in told] == ["192.0.2.7", "device-77", NOW, {"company": "acme"}]
    assert made["event_properties"].keys() == {"value", "currency", "order_id"}
    assert "ip" not in item()


def test_properties_can_be_mapped_as_a_whole_and_long_texts_are_cut_wherever_they_are() -> None:
    bag = {"a": "x" * 2000, "b": [{"c": "y" * 2000}], "value": 1, "time": 1, "insert_id": "other"}
    made = item(fields={"event_properties": bag, "event_type": "n" * 2000})
    properties = made["event_properties"]
    assert (properties["a"], properties["b"]) == ("x" * 1024, [{"c": "y" * 1024}])
    assert (properties["value"], made["event_type"]) == (129.9, "n" * 1024)
    assert (made["time"], made["insert_id"]) == (NOW - 5_000, event_key("Order Completed", "order-1001"))


def test_two_events_of_one_order_are_two_for_amplitude() -> None:
    paid, sent = item(name="Order Paid"), item(name="Order Sent")
    assert paid["insert_id"] != sent["insert_id"]
    assert item(name="Order Paid")["insert_id"] == paid["insert_id"]


@pytest.mark.parametrize("person", ["", None, "0", "Anonymous", "null", "00000000-0000-0000-0000-000000000000", {}])
def test_nobody_is_not_a_person(person: Any) -> None:
    assert item(fields={"user_id": person}).code == "no_user_id"
    assert item("identify", {"user_id": person, "$set.plan": "gold"}).code == "no_user_id"
    assert item(fields={"user_id": person, "device_id": "device-77"})["device_id"] == "device-77"


def test_what_amplitude_would_refuse_is_rejected_here() -> None:
    assert item(fields={"user_id": "abcd"}).code == "invalid_user_id"
    assert item(fields={"device_id": "x" * 1025}).code == "invalid_device_id"
    assert item(fields={"event_type": None}).code == "no_event_type"
    for name in ("[Amplitude] Revenue", "$identify", "$groupidentify"):
        assert item(fields={"event_type": name}).code == "reserved_event_type"
    assert item(fields={"event_properties": {f"p{n}": ["x" * 1000] * 10 for n in range(100)}}).code == "too_large"
    assert isinstance(item("identify"), Skipped)


def read(status: int, said: Any, count: int = 3) -> Any:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return Amplitude().read_batch(answer(status, body), [{}] * count)


REST = Split("refused_with_others", "Amplitude refused the request for another event in it.")


@pytest.mark.parametrize(
    ("table", "code"),
    [
        ("events_with_invalid_fields", "invalid_time"),
        ("events_with_missing_fields", "missing_time"),
        ("events_with_invalid_id_lengths", "invalid_time"),
    ],
)
def test_those_that_are_named_are_rejected_and_the_others_go_again(table: str, code: str) -> None:
    said = {"code": 400, "error": "Invalid field values on some events", table: {"time": [1]}}
    verdicts = read(400, said)
    assert [verdicts[0], verdicts[2]] == [REST, REST]
    assert (verdicts[1].code, verdicts[1].field) == (code, "time")
    assert read(400, {**said, table: {"time": [0]}}, 1)[0].code == code


def test_a_silenced_device_is_rejected_and_a_fast_one_waits() -> None:
    verdicts = read(400, {"code": 400, "error": "Events silenced", "silenced_events": [0], "throttled_events": [2]})
    assert (verdicts[0].code, verdicts[1]) == ("silenced", REST)
    assert isinstance(verdicts[2], Retry)
    assert (verdicts[2].after, verdicts[2].throttle) == (30.0, False)


def test_those_that_are_throttled_wait_and_the_others_go_at_once() -> None:
    said = {"code": 429, "error": "Too many requests", "throttled_events": [1], "throttled_users": {"u": 31}}
    assert [type(one) for one in read(429, said)] == [Split, Retry, Split]
    assert read(429, {**said, "exceeded_daily_quota_users": {"u": 500_200}})[1].after == 3600.0
    whole = read(429, {"code": 429, "error": "Too many requests"})
    assert (whole.code, whole.after, whole.throttle) == ("http_429", 30.0, True)


@pytest.mark.parametrize("indexes", [[None], [7], ["1"], [-1], 5, {}])
def test_a_refusal_that_names_nobody_is_searched_in_halves(indexes: Any) -> None:
    verdict = read(400, {"code": 400, "error": "Odd", "events_with_invalid_fields": {"time": indexes}})
    assert (verdict.code, Amplitude.batching.atomic) == ("invalid_request", True)


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (200, {"code": 200, "events_ingested": 3}, Delivered),
        (200, {"code": 200, "events_ingested": 2}, Delivered),
        (400, {"code": 400, "error": "Invalid API key: a-k"}, Unauthorized),
        (400, {"code": 400, "error": "Request missing required field", "missing_field": "api_key"}, Unauthorized),
        (400, {"code": 400, "error": "Invalid JSON request body"}, Rejected),
        (400, b"<html>400 Bad Request</html>", Unauthorized),
        (401, b"", Unauthorized),
        (403, {"code": 403, "error": "Forbidden"}, Split),
        (404, b"no such page", Unauthorized),
        (302, b"", Unauthorized),
        (408, b"", Retry),
        (500, b"", Retry),
        (503, b"{}", Retry),
    ],
)
def test_the_verdicts(status: int, said: Any, kind: type) -> None:
    assert isinstance(read(status, said), kind)


def test_a_key_that_is_refused_is_not_told() -> None:
    assert "a-k" not in repr(read(400, {"code": 400, "error": "Invalid API key: a-k"}))


def test_alone_the_firewall_pauses_and_a_count_that_differs_is_noted() -> None:
    assert isinstance(read(403, b"{}", 1), Unauthorized)
    assert read(200, {"events_ingested": 2}).note == "Amplitude says it ingested 2 of 3 events."
    assert read(200, {"events_ingested": 3}).note == ""


@pytest.mark.parametrize(
    ("event", "table"),
    [
        ({"user_id": "user-1"}, "events_with_missing_fields"),
        ({"event_type": "A", "time": 1}, "events_with_missing_fields"),
        ({"event_type": "A", "user_id": "abc", "time": 1}, "events_with_invalid_id_lengths"),
        ({"event_type": "A", "user_id": "anonymous", "time": 1}, "events_with_invalid_fields"),
        ({"event_type": "A", "user_id": "user-1", "time": "2026-11-18"}, "events_with_invalid_fields"),
        ({"event_type": "A", "user_id": "user-1", "time": 1, "revenue": "5"}, "events_with_invalid_fields"),
    ],
)
def test_the_double_refuses_all_and_names_the_first_as_amplitude_does(event: dict[str, Any], table: str) -> None:
    with AmplitudeDouble() as vendor:
        fine = {"event_type": "A", "user_id": "user-1", "time": 1}
        said = vendor._upload([fine, event, event], 5, 100)
    assert (said.status, vendor.kept) == (400, [])
    assert next(iter(said.body[table].values())) == [1]
