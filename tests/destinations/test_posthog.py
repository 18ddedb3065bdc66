"""PostHog: the very requests, what stays out of them, and what little its answers tell."""

import json
from typing import Any, ClassVar
from uuid import UUID

import pytest

from destinations.posthog import LARGEST, PostHog
from ours.plugin import (
    Delivered,
    Delivery,
    Rejected,
    Retry,
    Skipped,
    Unauthorized,
    ValidationError,
    load_settings,
    to_json,
)
from ours.plugin.identifiers import event_key
from ours.plugin.testing import DestinationContract
from ours.plugin.testing.doubles.posthog import PostHogDouble
from ours.plugin.testing.exchange import answer
from tests.destinations.asking import delivery_to, sha256

GIVEN = {"project_key": "phc_a-key-for-tests"}


def known(name: str, distinct_id: str) -> str:
    return str(UUID(event_key(name, distinct_id), version=5))


class TestPostHog(DestinationContract):
    destination = PostHog
    settings: ClassVar = GIVEN

    def dedupe_id(self, delivery: Delivery) -> str:
        return known(delivery.event.name, delivery.event.distinct_id)


def item(*words: Any, settings: dict[str, Any] | None = None, **changes: Any) -> Any:
    return PostHog().item(delivery_to(PostHog, GIVEN | (settings or {}), *words, **changes))


def test_a_purchase_is_one_event_of_a_batch() -> None:
    assert item() == {
        "event": "Order Completed",
        "distinct_id": sha256("019a0000000070008000000000000101"),
        "uuid": known("Order Completed", "order-1001"),
        "timestamp": "2026-11-18T11:06:35.000Z",
        "properties": {
            "value": 129.9,
            "currency": "EUR",
            "order_id": "1001",
            "$process_person_profile": False,
            "$geoip_disable": True,
        },
    }
    request = PostHog().pack([item(), item("lead")], load_settings(PostHog, GIVEN))
    ready, body = request.prepare(), json.loads(request.data)
    assert (ready.method, ready.url) == ("POST", "https://us.i.posthog.com/batch/")
    assert body.keys() == {"api_key", "batch"}
    assert body["api_key"] == "phc_a-key-for-tests"
    assert [one["event"] for one in body["batch"]] == ["Order Completed", "Lead Created"]


def test_a_lead_and_a_minimal_event_have_what_posthog_requires_and_make_no_profile() -> None:
    for sample, name in [("lead", "Lead Created"), ("minimal", "Pinged")]:
        made = item(sample)
        assert made.keys() == {"event", "distinct_id", "uuid", "timestamp", "properties"}
        assert made["event"] == name
        assert made["properties"] == {"$process_person_profile": False, "$geoip_disable": True}
    assert item("lead", settings={"person_profiles": "true"})["properties"] == {"$geoip_disable": True}


def test_an_identify_sets_what_is_mapped_and_nothing_else() -> None:
    assert item("identify").reason == "nothing_to_set"
    made = item("identify", {"$set.company": "Example GmbH", "$set.plan": "gold"})
    assert made == {
        "event": "$identify",
        "distinct_id": sha256("019a0000000070008000000000000103"),
        "uuid": known("$identify", "019a0000000070008000000000000003"),
        "timestamp": "2026-11-18T11:06:39.000Z",
        "properties": {"$set": {"company": "Example GmbH", "plan": "gold"}, "$geoip_disable": True},
    }
    assert "gold" not in json.dumps(item(fields={"$set.plan": "gold"}))


def test_an_address_is_told_only_when_mapped() -> None:
    properties = item(fields={"ip": "192.0.2.7", "$current_url": "https://shop.example.com/"})["properties"]
    assert (properties["$ip"], properties["$current_url"]) == ("192.0.2.7", "https://shop.example.com/")
    assert "$geoip_disable" not in properties


def test_what_a_caller_sends_can_not_steer_posthog() -> None:
    bag = {"plan": "gold", "$set": {"email": "jane@example.com"}, "$anon_distinct_id": "other", "$cookieless_mode": 5,
           "$process_person_profile": True, "$ip": "192.0.2.7", "value": 1}  # fmt: skip
    properties = item(fields={"properties": bag})["properties"]
    told = {"plan": "gold", "value": 129.9, "currency": "EUR", "order_id": "1001"}
    assert properties == {**told, "$process_person_profile": False, "$geoip_disable": True}


@pytest.mark.parametrize("name", ["$identify", "$create_alias", "$merge_dangerously", "$groupidentify", "$$heatmap"])
def test_an_event_by_whose_name_people_would_be_merged_is_rejected(name: str) -> None:
    assert item(name=name if name != "$identify" else "Pinged", fields={"event": name}).code == "reserved_event"
    assert item(fields={"event": "$pageview"})["event"] == "$pageview"


@pytest.mark.parametrize(("field", "came"), [("value", "12,50"), ("revenue", [1]), ("currency", "Euro")])
def test_what_was_given_and_cannot_be_read_is_rejected(field: str, came: Any) -> None:
    rejected = item(fields={field: came})
    assert (rejected.code, rejected.field) == (f"invalid_{field}", field)


def test_sums_that_came_as_texts_leave_as_numbers() -> None:
    properties = item(fields={"value": "12.50", "revenue": " 7 ", "currency": "eur"})["properties"]
    assert [properties[name] for name in ("value", "revenue", "currency")] == [12.5, 7, "EUR"]


@pytest.mark.parametrize("person", ["", None, "0", "Anonymous", "guest", "NaN", "[object Object]", "user", {}])
def test_nobody_is_not_a_person(person: Any) -> None:
    assert item(fields={"distinct_id": person}).code == "no_distinct_id"
    assert item("identify", {"distinct_id": person, "$set.plan": "gold"}).code == "no_distinct_id"


def test_what_posthog_would_refuse_or_shorten_is_rejected_here() -> None:
    assert item(fields={"distinct_id": "x" * 201}).code == "invalid_distinct_id"
    assert item(fields={"event": "x" * 201}).code == "invalid_event"
    assert item(fields={"event": None}).code == "no_event"
    room = LARGEST - len(to_json(item(fields={"properties": {"p": ""}})))
    assert len(to_json(item(fields={"properties": {"p": "x" * room}}))) == LARGEST
    assert item(fields={"properties": {"p": "x" * (room + 1)}}).code == "too_large"
    assert isinstance(item("identify"), Skipped)


def test_a_personal_key_is_refused_before_it_is_sent_anywhere() -> None:
    for wrong in ("phx_personal", "phc key", "x" * 65):
        with pytest.raises(ValidationError):
            load_settings(PostHog, {"project_key": wrong})


@pytest.mark.parametrize(
    ("status", "said", "kind", "code"),
    [
        (200, b'{"status": 1}', Delivered, None),
        (200, b'{"status": "Ok"}', Delivered, None),
        (204, b"", Delivered, None),
        (200, b'{"status": "Ok", "quota_limited": ["events"]}', Retry, "quota_limited"),
        (400, b"event submitted without a distinct_id", Rejected, "missing_distinct_id"),
        (400, b"event submitted with an empty event name", Rejected, "missing_event_name"),
        (400, b"event submitted with invalid cookieless mode", Rejected, "invalid_cookieless_mode"),
        (400, b"failed to parse request: invalid type", Rejected, "unparsable"),
        (400, b'{"type": "validation_error", "code": "invalid_payload"}', Rejected, "invalid_payload"),
        (400, b'{"type": "validation_error", "code": "invalid_project"}', Unauthorized, "invalid_project"),
        (400, b"jane@example.com is odd", Rejected, "invalid_request"),
        (401, b"API key is not valid: empty", Unauthorized, "http_401"),
        (404, b"", Unauthorized, "http_404"),
        (302, b"", Unauthorized, "http_302"),
        (429, b"rate limited", Retry, "http_429"),
        (503, b"transient error, please retry", Retry, "http_503"),
    ],
)
def test_the_verdicts(status: int, said: bytes, kind: type, code: str | None) -> None:
    outcome: Any = PostHog().read_batch(answer(status, said), [{}, {}])
    assert isinstance(outcome, kind)
    assert getattr(outcome, "code", None) == code
    assert "jane" not in repr(outcome)


def test_over_its_quota_the_destination_rests() -> None:
    outcome: Any = PostHog().read(answer(200, b'{"status": 1, "quota_limited": ["events"]}'))
    assert (outcome.after, outcome.throttle) == (3600.0, True)


@pytest.mark.parametrize(
    ("change", "status"),
    [({"event": ""}, 400), ({"distinct_id": None}, 400), ({"uuid": "no"}, 400), ({"timestamp": "now"}, 400),
     ({"properties": {"$cookieless_mode": 5}}, 400), ({"properties": {"a": "x" * 1_000_000}}, 413)],
)  # fmt: skip
def test_the_double_takes_nothing_of_a_request_with_one_wrong_event(change: dict[str, Any], status: int) -> None:
    with PostHogDouble() as vendor:
        fine = {"event": "A", "distinct_id": "u1", "uuid": known("A", "1"), "timestamp": "2026-11-18T11:06:35.000Z"}
        body = {"api_key": "phc_key", "batch": [fine, {**fine, **change}]}
        request = type("Call", (), {"path": "/batch/", "method": "POST", "body": b"", "json": body})
        assert vendor.answer(request).status == status  # type: ignore[arg-type]
        assert vendor.kept == []
