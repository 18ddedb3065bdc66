"""Snapchat's Conversions API: the very requests, what Snapchat would refuse, and what its answers mean."""

import json
import re
from typing import Any, ClassVar

import pytest

from destinations.snapchat import EVENTS, Snapchat
from ours.plugin import (
    Delivered,
    Rejected,
    Retry,
    Skipped,
    Unauthorized,
    Unknown,
    ValidationError,
    load_settings,
)
from ours.plugin.testing import DestinationContract, sample_delivery
from ours.plugin.testing.exchange import answer
from ours.plugin.testing.samples import NOW
from tests.destinations.asking import NO_ORDER_IDS, alone, delivery_to, sha256

GIVEN = {"pixel_id": "67d34640-b7a4-4c54-a5a0-2b3c4d5e6f70", "access_token": "a-token-for-tests"}
PERSON = {"email": " Person@Example.com ", "first_name": "Raphaël", "last_name": "John", "sccid": "7b3a7917-a82a",
          "phone_number": "0044 844 412 4653"}  # fmt: skip
PAGE = {"event_source_url": "https://shop.example.com/cart"}
plugin = Snapchat()


class TestSnapchat(DestinationContract):
    destination = Snapchat
    secrets_in_url = True
    settings: ClassVar = GIVEN


class TestSnapchatOffline(DestinationContract):
    destination = Snapchat
    secrets_in_url = True
    settings: ClassVar = {**GIVEN, "action_source": "OFFLINE", "external_id_key": "a-key-for-tests",
                          "limited_data_use": True, "test_mode": True}  # fmt: skip


def item(sample: str = "purchase", fields: dict[str, Any] | None = None, **settings: Any) -> Any:
    person = {"user_properties": PERSON} if sample == "purchase" else {}
    return plugin.item(delivery_to(Snapchat, GIVEN | settings, sample, fields, **person))


def test_a_purchase_hashes_whom_it_names_as_snapchat_does() -> None:
    """The hashes of the first three are those of its documentation."""
    assert item() == {
        "event_name": "PURCHASE",
        "action_source": "WEB",
        "event_time": (NOW - 5_000) // 1000,
        "event_id": "order-1001",
        "event_source_url": "https://shop.example.com/",
        "user_data": {
            "em": ["542d240129883c019e106e3b1b2d3f3cb3537c43c425364de8e951d5a3083345"],
            "ph": ["dc008fda46e2e64002cf2f82a4906236282d431c4f75e5b60bfe79fc48546383"],
            "fn": ["e74bb89e718fe1e19c422a48382870399f8bf7ca8dfa008739e75b0be76627b7"],
            "ln": [sha256("john")],
            "external_id": sha256("customer-7"),
            "sc_click_id": "7b3a7917-a82a",
            "client_user_agent": "Mozilla/5.0",
        },
        "custom_data": {"value": 129.9, "currency": "EUR", "order_id": "1001"},
    }


def test_where_somebody_lives_leaves_hashed_too() -> None:
    fields = {"city": "St. Denis", "state": "California", "zip": "94105-1234", "country": "US", "gender": "Female"}
    person = item(fields=fields)["user_data"]
    assert all(re.fullmatch("[0-9a-f]{64}", person[name][0]) for name in ("ct", "st", "zp", "country", "ge"))


def test_a_request_carries_the_token_in_its_address_as_snapchat_wants_it() -> None:
    request = plugin.pack([{"event_name": "SAVE"}], load_settings(Snapchat, GIVEN | {"api_version": "v4"}))
    assert request.url == "https://tr.snapchat.com/v4/67d34640-b7a4-4c54-a5a0-2b3c4d5e6f70/events"
    assert (request.method, request.params) == ("POST", {"access_token": "a-token-for-tests"})
    assert request.headers == {"Content-Type": "application/json"}
    assert json.loads(request.data) == {"data": [{"event_name": "SAVE"}]}


def test_a_test_goes_alone_to_snapchats_own_check() -> None:
    settings = load_settings(Snapchat, GIVEN | {"test_mode": "true"})
    assert str(plugin.pack([{}], settings).url).endswith("/events/validate")
    two = [sample_delivery(settings=settings, id=f"dispatch-{n}") for n in (1, 2)]
    assert plugin.group(two[0]) != plugin.group(two[1])
    assert plugin.group(sample_delivery(settings=load_settings(Snapchat, GIVEN))) == ""


def test_a_lead_is_told_of_a_visitor_whose_email_is_known() -> None:
    assert item("lead", {"event_name": "Lead", "email": "zoe@example.com"} | PAGE) == {
        "event_name": "SIGN_UP",
        "action_source": "WEB",
        "event_time": (NOW - 3_600_000) // 1000,
        "event_id": "lead-2002",
        "event_source_url": "https://shop.example.com/",
        "user_data": {"em": [sha256("zoe@example.com")], "ph": [sha256("33199001234")], "fn": [sha256("zoë")]},
    }


def test_an_identify_is_no_conversion() -> None:
    assert isinstance(item("identify"), Skipped)


@pytest.mark.parametrize(
    ("fields", "taken"),
    [
        ({}, False),
        ({"external_id": "7", "sc_click_id": "7b3a", "first_name": "Zoë"}, False),
        ({"client_user_agent": "Mozilla/5.0"}, False),
        ({"phone": "06 12 34 56 78"}, False),
        ({"client_user_agent": "Mozilla/5.0", "client_ip_address": "192.0.2.7"}, True),
        ({"phone": "+33 6 12 34 56 78"}, True),
        ({"email_sha256": "A" * 64}, True),
    ],
    ids=["nothing", "id, click and name", "browser", "anybody's phone", "browser and address", "phone", "hash"],
)
def test_without_what_snapchat_insists_on_an_event_is_rejected_here(fields: dict[str, Any], taken: bool) -> None:
    """Snapchat would refuse the whole request."""
    sent = item("minimal", {"event_name": "SAVE"} | PAGE | fields)
    assert isinstance(sent, dict) if taken else sent.code == "no_user_data"


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("PURCHASE", "PURCHASE"), ("Purchase", "PURCHASE"), ("Order Completed", "PURCHASE"), ("AddToCart", "ADD_CART"),
        ("add_cart", "ADD_CART"), ("Page View", "PAGE_VIEW"), ("generate_lead", "SIGN_UP"), ("booked", "Booked!"),
        ("InitiateCheckout", "START_CHECKOUT"), ("custom_event_1", "CUSTOM_EVENT_1"),
    ],
)  # fmt: skip
def test_an_event_goes_by_the_name_that_snapchat_knows(said: str, name: str) -> None:
    assert item(fields={"event_name": said}, own_events="Booked!, Called")["event_name"] == name


@pytest.mark.parametrize("said", ["Booked Oncology Visit", "", None, [], "own_events", "*"])
def test_a_name_that_snapchat_does_not_know_is_rejected_with_those_that_it_does(said: Any) -> None:
    rejected = item(fields={"event_name": said})
    assert (rejected.code, rejected.field) == ("unknown_event_name", "event_name")
    assert all(name in rejected.message for name in EVENTS)


def test_an_event_whose_id_is_not_mapped_still_has_one_that_repeats_share() -> None:
    fields = {"event_name": "SAVE", "email": "jane@example.com"} | PAGE
    tries = [sample_delivery(settings=load_settings(Snapchat, GIVEN), fields=fields, attempt=n) for n in (1, 2)]
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
        ({"action_source": "website"}, "unknown_action_source"),
        ({"action_source": "MOBILE_APP"}, "unknown_action_source"),
    ],
)
def test_what_would_be_lost_or_spoil_a_whole_request_is_rejected_here(fields: dict[str, Any], code: str) -> None:
    rejected = item(fields=fields)
    assert isinstance(rejected, Rejected)
    assert (rejected.code, rejected.field) == (code, *fields)


@pytest.mark.parametrize("odd", NO_ORDER_IDS)
def test_an_order_id_that_is_no_text_is_rejected_here_and_an_empty_one_left_out(odd: Any) -> None:
    said = "What is mapped to order_id can't be read as a text."
    assert item(fields={"order_id": odd}) == Rejected("invalid_order_id", said, "order_id")
    assert "order_id" not in item(fields={"order_id": ""})["custom_data"]


@pytest.mark.parametrize("page", [None, "", "shop", "javascript:x"])
def test_what_happened_on_a_site_has_its_address_and_what_happened_elsewhere_needs_none(page: Any) -> None:
    assert item(fields={"event_source_url": page}).code == "no_event_source_url"
    assert "event_source_url" not in item(fields={"event_source_url": page}, action_source="OFFLINE")


@pytest.mark.parametrize("missing", ["value", "currency"])
def test_a_purchase_has_a_worth_and_other_events_need_none(missing: str) -> None:
    assert item(fields={missing: ""}).code == "no_value"
    assert missing not in item(fields={missing: None, "event_name": "SAVE"})["custom_data"]


def test_what_is_no_other_field_goes_into_custom_data() -> None:
    fields = {"value": "10", "num_items": "2", "content_ids": ["A-1", 5], "search_string": "shoes", "order_id": 7,
              "content_category": ""}  # fmt: skip
    assert item(fields=fields)["custom_data"] == {
        "value": 10, "currency": "EUR", "num_items": 2, "content_ids": ["A-1", "5"], "search_string": "shoes",
        "order_id": "7",
    }  # fmt: skip


def test_of_what_was_bought_only_what_snapchat_knows_leaves() -> None:
    bought = [{"sku": 7, "quantity": "2", "price": 64.95, "diagnosis": "x"}, {"id": "B", "brand": "Hats", "price": 0}]
    assert item(fields={"contents": bought})["custom_data"]["contents"] == [
        {"id": "7", "item_price": "64.95", "quantity": "2"},
        {"id": "B", "brand": "Hats", "item_price": "0"},
    ]


def test_settings_and_mapping_decide_on_privacy() -> None:
    fields = {"client_ip_address": "192.0.2.7", "action_source": "OFFLINE", "sc_cookie1": "cookie"}
    sent = item(fields=fields, url_detail="full", external_id_key="key", limited_data_use=True)
    person = sent["user_data"]
    assert (person["client_ip_address"], person["sc_cookie1"]) == ("192.0.2.7", "cookie")
    assert person["external_id"] not in (sha256("customer-7"), "customer-7")
    assert sent["event_source_url"] == "https://shop.example.com/?utm_source=news"
    assert (sent["action_source"], sent["data_processing_options"]) == ("OFFLINE", ["LDU"])
    assert "opt_out" not in sent


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
    assert (sent.get("opt_out", False), sent.get("data_processing_options")) == (out, ["LDU"] if out else None)
    assert not {"opt_out", "ad_user_data", "ad_personalization"} & sent["custom_data"].keys()


def said(**body: Any) -> bytes:
    return json.dumps(body).encode()


@pytest.mark.parametrize("count", [1, 3])
def test_valid_is_delivered(count: int) -> None:
    yes = answer(200, said(status="VALID", reason="Events have been processed successfully."))
    assert plugin.read_batch(yes, [{}] * count) == Delivered()


def test_what_its_check_warns_of_is_noted() -> None:
    logs = [{"event": 0, "status": "VALID", "warnings": ["No click id."]}, "?"]
    assert alone(plugin, answer(200, said(status="VALID", event_logs=logs))) == Delivered("No click id.")


REFUSAL = said(status="INVALID", event=1, errors={"codes": ["E-12"], "error_msgs": ["No email.", "No time."]})


@pytest.mark.parametrize("status", [200, 400, 422])
def test_a_request_that_was_refused_was_refused_whole(status: int) -> None:
    assert alone(plugin, answer(status, REFUSAL)) == Rejected("snapchat_e_12", "No email.; No time.")
    assert Snapchat.batching.atomic


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (said(status="INVALID", reason="Wrong."), "Wrong."),
        (said(status="INVALID", event_logs=[{"errors": {"error_msgs": ["No email."]}}]), "No email."),
        (said(status="INVALID", errors=["?"], event_logs={}), "Snapchat answered 400."),
        (said(errors={"codes": {}, "error_msgs": [{}]}), "Snapchat answered 400."),
        (b"{}", "Snapchat answered 400."),
    ],
)
def test_a_refusal_is_told_as_far_as_snapchat_tells_it(body: bytes, message: str) -> None:
    assert alone(plugin, answer(400, body)) == Rejected("http_400", message)


@pytest.mark.parametrize(
    "body", [b"", b"OK", b"{}", b"[]", said(status="SUCCESS"), said(status="valid"), said(status=1)]
)
def test_a_200_that_does_not_say_valid_leaves_it_unknown(body: bytes) -> None:
    assert isinstance(plugin.read_batch(answer(200, body), [{}] * 2), Unknown)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, Unauthorized), (403, Unauthorized), (404, Unauthorized), (302, Unauthorized), (503, Retry), (500, Retry)],
)
@pytest.mark.parametrize("body", [REFUSAL, b"<html>"])
def test_other_answers_mean_what_their_status_does(status: int, kind: type, body: bytes) -> None:
    assert isinstance(alone(plugin, answer(status, body)), kind)


def test_a_web_page_is_something_else_at_this_address() -> None:
    assert isinstance(alone(plugin, answer(200, b"<!doctype html><html>")), Unauthorized)


def test_it_rests_when_it_was_too_fast() -> None:
    assert alone(plugin, answer(429, b"")) == Retry("http_429", "The destination answered 429.", throttle=True)
    assert alone(plugin, answer(429, b"", {"Retry-After": "9"})).after == 9.0


def test_it_does_not_claim_that_snapchat_drops_repeats() -> None:
    assert not Snapchat.dedupes


@pytest.mark.parametrize("setting", [{"pixel_id": "a pixel"}, {"action_source": "web"}, {"api_version": "3"}])
def test_settings_that_snapchat_would_refuse_are_refused(setting: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        load_settings(Snapchat, GIVEN | setting)
