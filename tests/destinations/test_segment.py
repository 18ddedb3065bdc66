"""Segment and RudderStack: the very calls, by one class, and each one's own yes."""

import json
from typing import Any, ClassVar

import pytest

from destinations.segment import CATEGORIES, RudderStack, Segment, TrackingApi
from ours.plugin import (
    Delivered,
    Delivery,
    Rejected,
    Retry,
    Skipped,
    Unauthorized,
    Unknown,
    load_settings,
)
from ours.plugin.identifiers import event_key
from ours.plugin.testing import DestinationContract
from ours.plugin.testing.exchange import answer
from tests.destinations.asking import delivery_to, sha256

KEY = {"write_key": "a-write-key-for-tests"}
GIVEN: dict[type[TrackingApi], dict[str, str]] = {
    Segment: KEY,
    RudderStack: KEY | {"endpoint": "https://example.dataplane.rudderstack.com"},
}
BOTH = pytest.mark.parametrize("kind", list(GIVEN))


class TestSegment(DestinationContract):
    destination = Segment
    settings: ClassVar = GIVEN[Segment]

    def dedupe_id(self, delivery: Delivery) -> str:
        return event_key(delivery.event.name, delivery.event.distinct_id)


def item(kind: type[TrackingApi], *words: Any, **changes: Any) -> Any:
    return kind().item(delivery_to(kind, GIVEN[kind], *words, **changes))


@BOTH
def test_a_purchase_is_a_track_of_somebody_whom_nobody_knows(kind: type[TrackingApi]) -> None:
    assert item(kind) == {
        "type": "track",
        "event": "Order Completed",
        "anonymousId": sha256("019a0000000070008000000000000101"),
        "messageId": event_key("Order Completed", "order-1001"),
        "timestamp": "2026-11-18T11:06:35.000Z",
        "properties": {"value": 129.9, "currency": "EUR", "order_id": "1001"},
    }


@BOTH
def test_a_lead_and_a_minimal_event_have_a_name_and_somebody(kind: type[TrackingApi]) -> None:
    for sample, name in [("lead", "Lead Created"), ("minimal", "Pinged")]:
        made = item(kind, sample)
        assert (made["event"], made["properties"], len(made["anonymousId"])) == (name, {}, 64)


@BOTH
def test_an_identify_tells_what_is_mapped_and_nothing_else(kind: type[TrackingApi]) -> None:
    assert item(kind, "identify").reason == "nothing_to_set"
    made = item(kind, "identify", {"traits.company": "Example GmbH", "userId": "customer-9"})
    known = made["traits"] if kind is Segment else made["context"]["traits"]
    assert (made["type"], made["userId"], known) == ("identify", "customer-9", {"company": "Example GmbH"})
    assert ("traits" in made) is (kind is Segment)
    assert not {"event", "properties"} & made.keys()


@BOTH
def test_the_context_has_what_is_mapped_at_its_depth(kind: type[TrackingApi]) -> None:
    fields = {
        "context.ip": "192.0.2.7", "context.page": {"title": "Cart"}, "context.page.url": "https://shop.example.com/",
        "context.library.name.x": "ours", "context.library": "none", "properties": {"a": [1], "value": 1},
        "traits.plan": "gold",
    }  # fmt: skip
    made = item(kind, fields=fields)
    assert made["context"] == {
        "ip": "192.0.2.7",
        "page": {"title": "Cart", "url": "https://shop.example.com/"},
        "library": {"name": {"x": "ours"}},
    }
    assert made["properties"] == {"a": [1], "value": 129.9, "currency": "EUR", "order_id": "1001"}
    assert fields["context.page"] == {"title": "Cart"}


SAID = {"consent.ads": "denied", "consent.stats": True, "consent.odd": "maybe", "consent.unsaid": None}


def test_consent_is_said_to_segment_by_category() -> None:
    consent = item(Segment, fields=SAID)["context"]["consent"]
    assert consent == {CATEGORIES: {"ads": False, "stats": True, "odd": False}}


@BOTH
@pytest.mark.parametrize("person", ["", None, "null", "anonymous", {}, True])
def test_nobody_is_not_a_person(kind: type[TrackingApi], person: Any) -> None:
    assert item(kind, fields={"anonymousId": person}).code == "no_identity"
    assert item(kind, fields={"anonymousId": person, "userId": 7})["userId"] == "7"


@BOTH
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"event": None}, "no_event"),
        ({"event": "  "}, "no_event"),
        ({"value": "12,50"}, "invalid_value"),
        ({"revenue": True}, "invalid_revenue"),
        ({"currency": "US Dollar"}, "invalid_currency"),
    ],
)
def test_what_would_be_dropped_in_silence_is_rejected_here(
    kind: type[TrackingApi], fields: dict[str, Any], code: str
) -> None:
    rejected = item(kind, fields=fields)
    assert isinstance(rejected, Rejected)
    assert (rejected.code, rejected.field) == (code, *fields)


@BOTH
def test_a_sum_that_came_as_text_leaves_as_a_number(kind: type[TrackingApi]) -> None:
    properties = item(kind, fields={"value": "12.50", "currency": "eur"})["properties"]
    assert (properties["value"], properties["currency"]) == (12.5, "EUR")


def test_an_event_that_segment_would_refuse_the_others_for_is_rejected_here() -> None:
    bag = {"properties": {"a": "é" * 16_000}}
    assert item(Segment, fields=bag).code == "too_large"
    assert item(RudderStack, fields=bag)["type"] == "track"
    assert isinstance(item(Segment, "identify", {"traits.a": "x" * 40_000}), Rejected)


@BOTH
def test_a_request_is_a_batch_that_the_write_key_lets_in(kind: type[TrackingApi]) -> None:
    request = kind().pack([item(kind), item(kind, "lead")], load_settings(kind, GIVEN[kind]))
    ready = request.prepare()
    host = GIVEN[kind].get("endpoint", "https://api.segment.io")
    assert ready.url == f"{host}/v1/batch"
    assert ready.headers["Authorization"] == "Basic YS13cml0ZS1rZXktZm9yLXRlc3RzOg=="
    assert [one["event"] for one in json.loads(request.data)["batch"]] == ["Order Completed", "Lead Created"]


def test_two_names_of_one_order_are_two_messages_and_two_tries_are_one() -> None:
    first, again, other = item(Segment), item(Segment), item(Segment, name="Order Paid")
    assert first["messageId"] == again["messageId"] != other["messageId"]


YES = {Segment: b'{"success": true}', RudderStack: b"OK\n"}


@BOTH
@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, None, Delivered),
        (200, b"", Unknown),
        (200, b'{"success": false}', Unknown),
        (200, b"<html>Sign in</html>", Unauthorized),
        (400, b"Invalid JSON", Rejected),
        (400, b"<html>", Unauthorized),
        (413, b"", Rejected),
        (401, b"Invalid Write Key", Unauthorized),
        (404, b"Source is disabled", Unauthorized),
        (302, b"", Unauthorized),
        (429, b"", Retry),
        (500, b"", Retry),
    ],
)
def test_the_verdict_is_one_for_all_and_a_refusal_is_searched(
    kind: type[TrackingApi], status: int, body: bytes | None, outcome: type
) -> None:
    response = answer(status, YES[kind] if body is None else body)
    assert type(kind().read_batch(response, [{}, {}])) is outcome
    assert kind.batching
    assert kind.batching.atomic


def test_neither_takes_the_others_yes() -> None:
    assert isinstance(Segment().read_batch(answer(200, YES[RudderStack]), [{}]), Unknown)
    assert isinstance(RudderStack().read_batch(answer(200, YES[Segment]), [{}]), Unknown)


@pytest.mark.parametrize(
    ("headers", "after"), [({"Retry-After": "7"}, 7.0), ({"X-RateLimit-Reset": "9"}, 9.0), ({}, None)]
)
def test_too_many_rest_as_long_as_segment_asks(headers: dict[str, str], after: float | None) -> None:
    said: Any = Segment().read_batch(answer(429, b"", headers), [{}, {}])
    assert (said.after, said.throttle) == (after, True)


def test_only_what_drops_repeats_says_so() -> None:
    assert (Segment.dedupes, RudderStack.dedupes) == (True, False)


def test_an_identify_without_traits_is_passed_over() -> None:
    assert isinstance(item(Segment, "identify"), Skipped)
