"""TikTok's Events API: the very requests, what would spoil a whole one, and a code inside a 200."""

import json
from typing import Any, ClassVar

import pytest

from destinations.tiktok import TikTok
from ours.plugin import (
    Delivered,
    Rejected,
    Retry,
    Skipped,
    Split,
    Unauthorized,
    Unknown,
    ValidationError,
    load_settings,
)
from ours.plugin.testing import DestinationContract, sample_delivery, sample_event
from ours.plugin.testing.exchange import answer
from ours.plugin.testing.samples import NOW
from tests.destinations.asking import NO_ORDER_IDS, ByDistinctId, alone, delivery_to, sha256

GIVEN = {"event_source_id": "CABCDEFGHIJKLMNOPQRS", "access_token": "a-token-for-tests"}
PERSON = {
    "email": " Jane@Example.com ", "first_name": "Mary Ann", "last_name": " O'Neil", "ttclid": "E.C.P.AbC",
    "phone_number": "0033 6 12 34 56 78", "city": "St. Denis", "state": "CA", "zip": "SW1A 1AA", "country": "US",
}  # fmt: skip
plugin = TikTok()


class TestTikTok(ByDistinctId, DestinationContract):
    destination = TikTok
    settings: ClassVar = GIVEN


class TestTikTokFromACrm(ByDistinctId, DestinationContract):
    destination = TikTok
    settings: ClassVar = {**GIVEN, "event_source": "crm", "external_id_key": "a-key-for-tests"}


def item(sample: str = "purchase", fields: dict[str, Any] | None = None, **settings: Any) -> Any:
    person = {"user_properties": PERSON} if sample == "purchase" else {}
    return plugin.item(delivery_to(TikTok, GIVEN | settings, sample, fields, **person))


def test_a_purchase_hashes_whom_it_names_as_tiktok_does() -> None:
    assert item() == {
        "event": "Order Completed",
        "event_time": (NOW - 5_000) // 1000,
        "event_id": "order-1001",
        "user": {
            "email": sha256("jane@example.com"),
            "phone": sha256("+33612345678"),
            "external_id": sha256("customer-7"),
            "first_name": sha256("maryann"),
            "last_name": sha256("o'neil"),
            "zip_code": sha256("sw1a1aa"),
            "ttclid": "E.C.P.AbC",
            "user_agent": "Mozilla/5.0",
        },
        "properties": {"value": 129.9, "currency": "EUR", "order_id": "1001"},
        "page": {"url": "https://shop.example.com/"},
    }


def test_a_request_carries_the_token_in_a_header_and_the_pixel_once() -> None:
    request = plugin.pack([{"event": "a"}, {"event": "b"}], load_settings(TikTok, GIVEN | {"api_version": "v1.4"}))
    assert (request.method, request.url) == ("POST", "https://business-api.tiktok.com/open_api/v1.4/event/track/")
    assert request.headers == {"Content-Type": "application/json", "Access-Token": "a-token-for-tests"}
    assert json.loads(request.data) == {
        "event_source": "web",
        "event_source_id": "CABCDEFGHIJKLMNOPQRS",
        "data": [{"event": "a"}, {"event": "b"}],
    }


def test_test_events_travel_alone_and_with_their_code() -> None:
    values = load_settings(TikTok, GIVEN | {"test_event_code": "TEST1"})
    assert json.loads(plugin.pack([{"event": "a"}], values).data)["test_event_code"] == "TEST1"
    one, other = (sample_delivery(settings=values, id=name) for name in ("one", "other"))
    assert plugin.group(one) != plugin.group(other)
    plain = load_settings(TikTok, GIVEN)
    assert plugin.group(sample_delivery(settings=plain, id="1")) == plugin.group(
        sample_delivery(settings=plain, id="2")
    )


def test_a_lead_is_matched_by_its_phone_number_alone() -> None:
    assert item("lead") == {
        "event": "Lead Created",
        "event_time": (NOW - 3_600_000) // 1000,
        "event_id": "lead-2002",
        "user": {"phone": sha256("+33199001234"), "first_name": sha256("zoë")},
    }


def test_an_identify_is_no_conversion() -> None:
    assert isinstance(item("identify"), Skipped)


def test_a_minimal_event_matches_nobody_and_is_rejected_here() -> None:
    assert item("minimal").code == "no_user_data"


@pytest.mark.parametrize(
    ("fields", "matched"),
    [
        ({"ttclid": "E.C.P.AbC"}, True),
        ({"ttp": "2abc"}, True),
        ({"lead_id": "17290"}, True),
        ({"ip": "192.0.2.7", "user_agent": "Mozilla/5.0"}, True),
        ({"ip": "192.0.2.7"}, False),
        ({"user_agent": "Mozilla/5.0", "first_name": "Zoë", "city": "Lyon", "lead_event_source": "a"}, False),
    ],
    ids=["click", "cookie", "lead", "ip and browser", "ip alone", "what many share"],
)
def test_what_tiktok_could_match_nobody_by_is_rejected_here(fields: dict[str, Any], matched: bool) -> None:
    assert isinstance(item("minimal", fields), dict) == matched


def test_an_event_whose_id_is_not_mapped_still_has_one_that_repeats_share() -> None:
    fields = {"event": "Lead", "email": "jane@example.com"}
    tries = [sample_delivery(settings=load_settings(TikTok, GIVEN), fields=fields, attempt=n) for n in (1, 2)]
    assert {plugin.item(one)["event_id"] for one in tries} == {tries[0].id}


def test_an_id_that_came_as_a_number_leaves_as_text() -> None:
    """TikTok refuses the whole request for an event_id that is a number."""
    sent = item(fields={"event_id": 273196, "order_id": 1001})
    assert (sent["event_id"], sent["properties"]["order_id"]) == ("273196", "1001")


def test_the_hash_of_an_email_stands_in_where_the_email_is_not_known() -> None:
    known = sample_event().email_sha256
    assert item(fields={"email": None})["user"]["email"] == known
    assert item(fields={"email": str(known).upper()})["user"]["email"] == known


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"event": None}, "no_event"),
        ({"currency": None}, "no_currency"),
        ({"value": "12,50"}, "invalid_value"),
        ({"value": True}, "invalid_value"),
        ({"currency": "US Dollar"}, "invalid_currency"),
        ({"order_id": {"a": 1}}, "invalid_order_id"),
        ({"num_items": 1.5}, "invalid_num_items"),
        ({"contents": "A-1"}, "invalid_contents"),
        ({"contents": [{"sku": "A-1", "price": "cheap"}]}, "invalid_contents"),
    ],
)
def test_what_can_not_be_read_is_rejected_and_not_left_out(fields: dict[str, Any], code: str) -> None:
    rejected = item(fields=fields)
    assert isinstance(rejected, Rejected)
    assert (rejected.code, rejected.field) == (code, *fields)


def test_a_worth_that_is_not_known_is_left_out() -> None:
    assert item(fields={"value": "", "currency": None})["properties"] == {"order_id": "1001"}


def test_of_what_was_bought_only_what_tiktok_knows_leaves() -> None:
    bought = [{"sku": 7, "quantity": "2", "price": 64.95, "diagnosis": "x"}, {"id": "B", "name": "Hat"}]
    assert item(fields={"contents": bought})["properties"]["contents"] == [
        {"content_id": "7", "price": 64.95, "quantity": 2},
        {"content_id": "B", "content_name": "Hat"},
    ]


def test_a_field_that_is_nothing_else_is_a_property() -> None:
    properties = item(fields={"query": "shoes", "content_type": "product", "predicted_ltv": "9"})["properties"]
    assert properties | {"query": "shoes", "content_type": "product", "predicted_ltv": 9} == properties


def test_settings_and_mapping_decide_on_privacy() -> None:
    fields = {
        "ip": "192.0.2.7",
        "city": "St. Denis",
        "state": "New York",
        "country": "US",
        "referrer": "https://a.example/b?c",
    }
    sent = item(fields=fields, url_detail="path", external_id_key="key")
    told = {name: sent["user"][name] for name in ("ip", "city", "state", "country")}
    assert told == {"ip": "192.0.2.7", "city": "stdenis", "state": "newyork", "country": "us"}
    assert sent["user"]["external_id"] not in (sha256("customer-7"), "customer-7")
    assert sent["page"] == {"url": "https://shop.example.com/", "referrer": "https://a.example/b"}


def test_a_lead_of_a_crm_is_named() -> None:
    sent = item("minimal", {"lead_id": 17290, "lead_event_source": "crm"}, event_source="crm")
    assert sent["lead"] == {"lead_id": "17290", "lead_event_source": "crm"}


@pytest.mark.parametrize(
    ("fields", "limited"),
    [
        ({}, False),
        ({"limited_data_use": "no"}, False),
        ({"limited_data_use": "Yes"}, True),
        ({"limited_data_use": "opted out"}, True),
        ({"ad_user_data": "granted", "ad_personalization": True}, False),
        ({"ad_user_data": "Rejected"}, True),
        ({"ad_user_data": "denied"}, True),
        ({"ad_personalization": False}, True),
    ],
)
def test_whoever_objects_or_denies_consent_is_used_for_less(fields: dict[str, Any], limited: bool) -> None:
    sent = item(fields=fields)
    assert sent.get("limited_data_use", False) is limited
    assert not {"limited_data_use", "ad_user_data", "ad_personalization"} & sent["properties"].keys()
    assert item(fields=fields, limited_data_use=True)["limited_data_use"] is True


@pytest.mark.parametrize("odd", NO_ORDER_IDS)
def test_an_order_id_that_is_no_text_is_rejected_here_and_an_empty_one_left_out(odd: Any) -> None:
    said = "What is mapped to order_id can't be read as a text."
    assert item(fields={"order_id": odd}) == Rejected("invalid_order_id", said, "order_id")
    assert "order_id" not in item(fields={"order_id": ""})["properties"]


def said(code: Any, message: str = "Said.", **more: Any) -> bytes:
    return json.dumps({"code": code, "message": message, "request_id": "2026X", "data": {}} | more).encode()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, said(0, "OK"), Delivered("2026X")),
        (200, said(40002), Rejected("tiktok_40002", "Said.")),
        (400, said(40002), Rejected("tiktok_40002", "Said.")),
        (200, said(20001), Rejected("tiktok_20001", "Said.")),
        (200, said(40001), Unauthorized("tiktok_40001", "Said.")),
        (200, said(40105), Unauthorized("tiktok_40105", "Said.")),
        (401, said(40999), Unauthorized("tiktok_40999", "Said.")),
        (200, said(40002, "event_source_id: Missing."), Unauthorized("tiktok_40002", "event_source_id: Missing.")),
        (200, said(40100), Retry("tiktok_40100", "Said.", throttle=True)),
        (200, said(40700), Retry("tiktok_40700", "Said.")),
        (200, said(50000), Retry("tiktok_50000", "Said.")),
        (503, said(40002), Retry("tiktok_40002", "Said.")),
        (502, b"<html>Bad Gateway</html>", Retry("http_502", "The destination answered 502.")),
        (502, said(0), Retry("http_502", "The destination answered 502.")),
        (200, said(40002, ""), Rejected("tiktok_40002", "TikTok answered 40002.")),
    ],
)
def test_the_verdict_goes_by_tiktoks_code_and_not_by_the_status(status: int, body: bytes, expected: object) -> None:
    assert alone(plugin, answer(status, body)) == expected


@pytest.mark.parametrize("body", [b"", b"OK", b"[]", said(None), said("0")])
def test_a_200_without_a_code_says_nothing(body: bytes) -> None:
    assert isinstance(alone(plugin, answer(200, body)), Unknown)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("Batch.1.properties.contents.0.content_id: Not a valid string", "properties.contents.0.content_id"),
        ("data.1.event_time: Not a valid integer.", "event_time"),
        ("Invalid data[1].event", "event"),
    ],
)
def test_the_event_that_tiktok_names_is_rejected_and_the_others_go_again(message: str, field: str) -> None:
    verdicts = plugin.read_batch(answer(200, said(40002, message)), [{}, {}, {}])
    assert isinstance(verdicts, list)
    assert verdicts[1] == Rejected("tiktok_40002", message, field)
    assert [type(one) for one in verdicts] == [Split, Rejected, Split]


@pytest.mark.parametrize("message", ["Batch.3.event: No.", "Batch.x: No.", "Some event is wrong."])
def test_where_none_of_them_is_named_the_whole_batch_is_refused(message: str) -> None:
    """It is atomic: that sends it again in halves."""
    assert TikTok.batching is not None
    assert TikTok.batching.atomic
    assert plugin.read_batch(answer(200, said(40002, message)), [{}, {}, {}]) == Rejected("tiktok_40002", message)


def test_it_waits_as_long_as_tiktok_says() -> None:
    outcome = alone(plugin, answer(200, said(40100), {"X-RateLimit-Reset": "9"}))
    assert outcome == Retry("tiktok_40100", "Said.", 9.0, throttle=True)


@pytest.mark.parametrize("setting", [{"event_source_id": "a pixel"}, {"event_source": "app"}, {"api_version": "1.3"}])
def test_settings_that_tiktok_would_refuse_are_refused(setting: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        load_settings(TikTok, GIVEN | setting)
