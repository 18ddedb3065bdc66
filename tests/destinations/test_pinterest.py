"""Pinterest's Conversions API: the very requests, what would spoil a whole one, and a verdict for each event."""

import json
from typing import Any, ClassVar

import pytest

from destinations.pinterest import EVENTS, Pinterest
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
from ours.plugin.testing import DestinationContract, sample_delivery
from ours.plugin.testing.exchange import answer
from ours.plugin.testing.samples import NOW
from tests.destinations.asking import NO_ORDER_IDS, alone, delivery_to, sha256

GIVEN = {"ad_account_id": "549755885175", "access_token": "a-token-for-tests"}
PERSON = {
    "email": " Jane@Example.com ", "first_name": " Zoë", "last_name": "O'Neil ", "epik": "dj0yJnU9b2JDcFFHekV",
    "phone_number": "0033 6 12 34 56 78", "city": "St. Denis", "state": "California", "zip": "94105-1234",
    "country": "US",
}  # fmt: skip
plugin = Pinterest()


class TestPinterest(DestinationContract):
    destination = Pinterest
    settings: ClassVar = GIVEN


class TestPinterestOffline(DestinationContract):
    destination = Pinterest
    settings: ClassVar = {**GIVEN, "action_source": "offline", "external_id_key": "a-key-for-tests", "test_mode": True}


def item(sample: str = "purchase", fields: dict[str, Any] | None = None, **settings: Any) -> Any:
    person = {"user_properties": PERSON} if sample == "purchase" else {}
    return plugin.item(delivery_to(Pinterest, GIVEN | settings, sample, fields, **person))


def test_a_purchase_hashes_whom_it_names_as_pinterest_does() -> None:
    assert item() == {
        "event_name": "checkout",
        "action_source": "web",
        "event_time": (NOW - 5_000) // 1000,
        "event_id": "order-1001",
        "event_source_url": "https://shop.example.com/",
        "user_data": {
            "em": [sha256("jane@example.com")],
            "ph": [sha256("33612345678")],
            "fn": [sha256("zoë")],
            "ln": [sha256("o'neil")],
            "ct": [sha256("stdenis")],
            "st": [sha256("ca")],
            "zp": [sha256("94105")],
            "country": [sha256("us")],
            "external_id": [sha256("customer-7")],
            "click_id": "dj0yJnU9b2JDcFFHekV",
            "client_user_agent": "Mozilla/5.0",
        },
        "custom_data": {"value": "129.9", "currency": "EUR", "order_id": "1001"},
    }


def test_a_request_carries_the_token_in_a_header_and_the_account_in_its_address() -> None:
    request = plugin.pack([{"event_name": "lead"}], load_settings(Pinterest, GIVEN | {"api_version": "v6"}))
    assert (request.method, request.url) == ("POST", "https://api.pinterest.com/v6/ad_accounts/549755885175/events")
    assert request.headers == {"Content-Type": "application/json", "Authorization": "Bearer a-token-for-tests"}
    assert (request.params, json.loads(request.data)) == ({}, {"data": [{"event_name": "lead"}]})


def test_a_test_is_one_by_the_address() -> None:
    assert plugin.pack([{}], load_settings(Pinterest, GIVEN | {"test_mode": "true"})).params == {"test": "true"}


def test_a_lead_is_told_of_a_visitor_whose_email_is_known() -> None:
    fields = {"event_name": "Lead", "email": "zoe@example.com"}
    assert item("lead", fields) == {
        "event_name": "lead",
        "action_source": "web",
        "event_time": (NOW - 3_600_000) // 1000,
        "event_id": "lead-2002",
        "user_data": {"em": [sha256("zoe@example.com")], "ph": [sha256("33199001234")], "fn": [sha256("zoë")]},
    }


def test_an_identify_is_no_conversion() -> None:
    assert isinstance(item("identify"), Skipped)


@pytest.mark.parametrize(
    ("fields", "taken"),
    [
        ({}, False),
        ({"phone": "+33 1 99 00 12 34", "external_id": "7", "click_id": "dj0y"}, False),
        ({"client_user_agent": "Mozilla/5.0"}, False),
        ({"client_user_agent": "Mozilla/5.0", "client_ip_address": "192.0.2.7"}, True),
        ({"device_id": "38400000-8cf0-11bd-b23e-10b96e40000d"}, True),
        ({"email_sha256": "A" * 64}, True),
    ],
    ids=["nothing", "phone, id and click", "browser", "browser and address", "phone's id for ads", "hash of an email"],
)
def test_without_what_pinterest_insists_on_an_event_is_rejected_here(fields: dict[str, Any], taken: bool) -> None:
    """By its schema it would refuse the whole request."""
    sent = item("minimal", {"event_name": "lead"} | fields)
    assert isinstance(sent, dict) if taken else sent.code == "no_user_data"


def test_the_id_of_a_phone_is_hashed_as_it_is() -> None:
    sent = item("minimal", {"event_name": "lead", "device_id": "38400000-8CF0"})
    assert sent["user_data"] == {"hashed_maids": [sha256("38400000-8CF0")]}


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("checkout", "checkout"), ("AddToCart", "add_to_cart"), ("Add to cart", "add_to_cart"), ("Lead", "lead"),
        ("Purchase", "checkout"), ("Sign Up", "signup"), ("CompleteRegistration", "signup"), ("PageView", "page_visit"),
        ("booked", "Booked!"), ("page_visit", "page_visit"),
    ],
)  # fmt: skip
def test_an_event_goes_by_the_name_that_pinterest_knows(said: str, name: str) -> None:
    assert item(fields={"event_name": said}, own_events="Booked!, Called")["event_name"] == name


@pytest.mark.parametrize("said", ["Booked Oncology Visit", "", None, [], "own_events", "*"])
def test_a_name_that_pinterest_does_not_know_is_rejected_with_those_that_it_does(said: Any) -> None:
    rejected = item(fields={"event_name": said})
    assert (rejected.code, rejected.field) == ("unknown_event_name", "event_name")
    assert all(name in rejected.message for name in EVENTS)


def test_an_event_whose_id_is_not_mapped_still_has_one_that_repeats_share() -> None:
    fields = {"event_name": "lead", "email": "jane@example.com"}
    tries = [sample_delivery(settings=load_settings(Pinterest, GIVEN), fields=fields, attempt=n) for n in (1, 2)]
    assert {plugin.item(one)["event_id"] for one in tries} == {tries[0].id}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"value": "12,50"}, "invalid_value"),
        ({"value": True}, "invalid_value"),
        ({"predicted_ltv": "much"}, "invalid_predicted_ltv"),
        ({"currency": "US Dollar"}, "invalid_currency"),
        ({"num_items": 1.5}, "invalid_num_items"),
        ({"content_ids": ["A-1", {}]}, "invalid_content_ids"),
        ({"contents": [{"sku": "A-1", "price": "cheap"}]}, "invalid_contents"),
        ({"category_name": "Shoes"}, "unknown_field"),
        ({"action_source": "website"}, "unknown_action_source"),
    ],
)
def test_what_would_be_lost_or_spoil_a_whole_request_is_rejected_here(fields: dict[str, Any], code: str) -> None:
    rejected = item(fields=fields)
    assert isinstance(rejected, Rejected)
    assert (rejected.code, rejected.field) == (code, *fields)


def test_a_worth_that_is_not_known_is_left_out() -> None:
    assert item(fields={"value": "", "currency": None})["custom_data"] == {"order_id": "1001"}


def test_numbers_leave_as_texts_and_ids_too() -> None:
    fields = {"value": 10, "predicted_ltv": "129.90", "order_id": 7, "num_items": "2", "content_ids": ["A-1", 5],
              "search_string": "shoes", "opt_out_type": "LDP"}  # fmt: skip
    assert item(fields=fields)["custom_data"] == {
        "value": "10", "predicted_ltv": "129.9", "currency": "EUR", "order_id": "7", "num_items": 2,
        "content_ids": ["A-1", "5"], "search_string": "shoes", "opt_out_type": "LDP",
    }  # fmt: skip


def test_of_what_was_bought_only_what_pinterest_knows_leaves() -> None:
    bought = [{"sku": 7, "quantity": "2", "price": 64.95, "diagnosis": "x"}, {"id": "B", "name": "Hat", "price": 0}]
    assert item(fields={"contents": bought})["custom_data"]["contents"] == [
        {"id": "7", "item_price": "64.95", "quantity": 2},
        {"id": "B", "item_name": "Hat", "item_price": "0"},
    ]


def test_settings_and_mapping_decide_on_privacy() -> None:
    fields = {
        "client_ip_address": "192.0.2.7",
        "gender": "Female",
        "date_of_birth": "1990-02-28",
        "action_source": "offline",
    }
    sent = item(fields=fields, url_detail="full", external_id_key="key")
    person = sent["user_data"]
    assert (person["client_ip_address"], person["ge"]) == ("192.0.2.7", [sha256("f")])
    assert person["db"] == [sha256("19900228")]
    assert person["external_id"] not in ([sha256("customer-7")], ["customer-7"])
    assert sent["event_source_url"] == "https://shop.example.com/?utm_source=news"
    assert sent["action_source"] == "offline"


def test_a_postal_code_with_letters_is_left_out() -> None:
    assert "zp" not in item(fields={"zip": "SW1A 1AA", "country": "GB"})["user_data"]


@pytest.mark.parametrize(
    ("fields", "out"),
    [
        ({}, False),
        ({"opt_out": "no"}, False),
        ({"opt_out": "Yes"}, True),
        ({"opt_out": "opted out"}, True),
        ({"ad_user_data": "granted", "ad_personalization": True}, False),
        ({"ad_user_data": "Rejected"}, True),
        ({"ad_user_data": "denied"}, True),
        ({"ad_personalization": False}, True),
    ],
)
def test_whoever_objects_or_denies_consent_is_opted_out(fields: dict[str, Any], out: bool) -> None:
    sent = item(fields=fields)
    assert sent.get("opt_out", False) is out
    assert not {"opt_out", "ad_user_data", "ad_personalization"} & sent["custom_data"].keys()


FINE, FAILED = {"status": "processed"}, {"status": "failed", "error_message": "Too old."}


@pytest.mark.parametrize("odd", NO_ORDER_IDS)
def test_an_order_id_that_is_no_text_is_rejected_here_and_an_empty_one_left_out(odd: Any) -> None:
    said = "What is mapped to order_id can't be read as a text."
    assert item(fields={"order_id": odd}) == Rejected("invalid_order_id", said, "order_id")
    assert "order_id" not in item(fields={"order_id": ""})["custom_data"]


def told(*events: Any, **more: Any) -> dict[str, Any]:
    return {"num_events_received": len(events), "num_events_processed": 0, "events": [*events], **more}


def said(body: Any) -> bytes:
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, told(FINE, FAILED, {"status": "processed", "warning_message": "No city."})),
        (422, told(FINE, FAILED, {"status": "processed", "warning_message": "No city."})),
        (422, {"code": 1, "details": told(FINE, FAILED, {"status": "processed", "warning_message": "No city."})}),
    ],
)
def test_each_event_has_its_own_verdict_whatever_the_status(status: int, body: Any) -> None:
    verdicts = plugin.read_batch(answer(status, said(body)), [{}] * 3)
    assert verdicts == [Delivered(), Rejected("pinterest_failed", "Too old."), Delivered("No city.")]


@pytest.mark.parametrize("body", [told(FINE), told(FINE, FINE, FINE), {"details": []}, {"events": 2}, [], "?"])
@pytest.mark.parametrize("status", [200, 422])
def test_where_the_verdicts_are_not_as_many_as_the_events_nobody_knows(status: int, body: Any) -> None:
    """To send again what was processed would count it twice."""
    assert isinstance(plugin.read_batch(answer(status, said(body)), [{}] * 2), Unknown)


def test_a_verdict_that_is_none_leaves_its_event_unknown() -> None:
    verdicts = plugin.read_batch(answer(200, said(told(FINE, {"status": "pending"}, "?"))), [{}] * 3)
    assert isinstance(verdicts, list)
    assert [type(one) for one in verdicts] == [Delivered, Unknown, Unknown]


def test_a_count_alone_is_enough_where_it_is_all_of_them() -> None:
    assert plugin.read_batch(answer(200, b'{"num_events_processed": 2}'), [{}] * 2) == Delivered()


def test_a_request_that_was_refused_is_sent_in_halves_and_alone_it_is_rejected() -> None:
    refusal = answer(400, b'{"code": 4196, "message": "The request was invalid."}')
    assert plugin.read_batch(refusal, [{}, {}]) == Split("pinterest_4196", "The request was invalid.")
    assert alone(plugin, refusal) == Rejected("pinterest_4196", "The request was invalid.")
    assert alone(plugin, answer(422, b"{}")) == Rejected("http_422", "Pinterest answered 422.")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, Unauthorized), (403, Unauthorized), (404, Unauthorized), (302, Unauthorized), (503, Retry), (500, Retry)],
)
def test_other_answers_mean_what_their_status_does(status: int, kind: type) -> None:
    assert isinstance(alone(plugin, answer(status, b'{"code": 2, "message": "Said."}')), kind)


def test_it_rests_when_it_was_too_fast() -> None:
    outcome = alone(plugin, answer(429, b'{"code": 8}', {"X-RateLimit-Reset": "9"}))
    assert outcome == Retry("http_429", "The destination answered 429.", 9.0, throttle=True)


def test_it_does_not_claim_that_pinterest_drops_repeats() -> None:
    assert not Pinterest.dedupes


@pytest.mark.parametrize("setting", [{"ad_account_id": "mine"}, {"action_source": "app"}, {"api_version": "5"}])
def test_settings_that_pinterest_would_refuse_are_refused(setting: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        load_settings(Pinterest, GIVEN | setting)
