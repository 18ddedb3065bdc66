"""Reddit's Conversions API: the very requests, what Reddit would refuse, and what its answers mean."""

import json
from typing import Any, ClassVar

import pytest

from destinations.reddit import TYPES, Reddit
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
from tests.destinations.asking import ByDistinctId, alone, delivery_to, sha256

GIVEN = {"pixel_id": "a2_abc123def456", "access_token": "a-token-for-tests"}
PERSON = {"email": " Al.ice$+Apple@Example.Com ", "phone_number": "001 (555) 444-1234", "rdt_cid": "3184742045291813"}
UUID = "1677712978045.b8f7eb7d-b357-437b-8bd3-e1c8166c7132"
plugin = Reddit()


class TestReddit(ByDistinctId, DestinationContract):
    destination = Reddit
    settings: ClassVar = GIVEN


class TestRedditInAStore(ByDistinctId, DestinationContract):
    destination = Reddit
    settings: ClassVar = {**GIVEN, "action_source": "PHYSICAL_STORE", "external_id_key": "a-key-for-tests",
                          "limited_data_use": True, "test_id": "t2_test"}  # fmt: skip


def item(sample: str = "purchase", fields: dict[str, Any] | None = None, **settings: Any) -> Any:
    person = {"user_properties": PERSON} if sample == "purchase" else {}
    return plugin.item(delivery_to(Reddit, GIVEN | settings, sample, fields, **person))


def test_a_purchase_hashes_whom_it_names_as_reddit_does() -> None:
    """The hashes of the email and the phone number are those of its documentation."""
    assert item() == {
        "event_at": NOW - 5_000,
        "action_source": "WEBSITE",
        "type": {"tracking_type": "PURCHASE"},
        "event_source_url": "https://shop.example.com/",
        "click_id": "3184742045291813",
        "metadata": {"conversion_id": "order-1001", "value": 129.9, "currency": "EUR"},
        "user": {
            "email": "ff8d9819fc0e12bf0d24892e45987e249a28dce836a85cad60e28eaaa8c6d976",
            "phone_number": "e5b124c58580eb16bd959b8d0cac12b12c952e2ceae0203d416cff94f10b994a",
            "external_id": sha256("customer-7"),
            "user_agent": "Mozilla/5.0",
        },
    }


@pytest.mark.parametrize(
    ("raw", "written"),
    [
        ("alice@example.com", "alice@example.com"),
        ("Al.ice+Apple@Example.Com", "alice@example.com"),
        ("a_l-i.c'e@sub.example.com", "alice@sub.example.com"),
        ("J.Doe+tag@Outlook.com", "jdoe@outlook.com"),
        ("+apple@example.com", None),
        ("-@example.com", None),
        ("First Last <example@email.com>", None),
        ("nobody", None),
        (7, None),
    ],
)
def test_an_email_is_written_as_reddit_writes_it(raw: Any, written: str | None) -> None:
    person = item(fields={"email": raw, "email_sha256": None})["user"]
    assert person.get("email") == (sha256(written) if written else None)


def test_ids_of_a_phone_are_hashed_as_each_is_written() -> None:
    person = item(fields={"idfa": " 8a2e4f6d-0852", "aaid": "38400000-8CF0"})["user"]
    assert (person["idfa"], person["aaid"]) == (sha256("8A2E4F6D-0852"), sha256("38400000-8cf0"))


def test_a_request_carries_the_token_in_a_header_and_the_pixel_in_its_address() -> None:
    request = plugin.pack([{"click_id": "1"}], load_settings(Reddit, GIVEN | {"api_version": "v4"}))
    assert request.method == "POST"
    assert request.url == "https://ads-api.reddit.com/api/v4/pixels/a2_abc123def456/conversion_events"
    assert request.headers == {"Content-Type": "application/json", "Authorization": "Bearer a-token-for-tests"}
    assert json.loads(request.data) == {"data": {"events": [{"click_id": "1"}]}}


def test_a_test_id_goes_with_one_event_a_request() -> None:
    settings = load_settings(Reddit, GIVEN | {"test_id": "t2_test"})
    assert json.loads(plugin.pack([{}], settings).data) == {"data": {"test_id": "t2_test", "events": [{}]}}
    two = [sample_delivery(settings=settings, id=f"dispatch-{n}") for n in (1, 2)]
    assert plugin.group(two[0]) != plugin.group(two[1])
    assert plugin.group(sample_delivery(settings=load_settings(Reddit, GIVEN))) == ""


def test_a_lead_is_told_of_a_visitor_whose_email_is_known() -> None:
    assert item("lead", {"event_name": "Lead", "email": "zoe@example.com"}) == {
        "event_at": NOW - 3_600_000,
        "action_source": "WEBSITE",
        "type": {"tracking_type": "LEAD"},
        "metadata": {"conversion_id": "lead-2002"},
        "user": {"email": sha256("zoe@example.com"), "phone_number": sha256("+33199001234")},
    }


def test_an_identify_is_no_conversion() -> None:
    assert isinstance(item("identify"), Skipped)


@pytest.mark.parametrize(
    ("fields", "taken"),
    [
        ({}, False),
        ({"user_agent": "Mozilla/5.0"}, False),
        ({"ip_address": "192.0.2.7"}, False),
        ({"phone": "06 12 34 56 78"}, False),
        ({"limited_data_use": True}, False),
        ({"user_agent": "Mozilla/5.0", "ip_address": "192.0.2.7"}, True),
        ({"click_id": "31847420"}, True),
        ({"uuid": UUID}, True),
        ({"uuid": "1677712978045.b8f7eb7d"}, False),
        ({"external_id": "7"}, True),
        ({"email_sha256": "A" * 64}, True),
        ({"click_id": "31847420", "action_source": "PHYSICAL_STORE"}, False),
    ],
    ids=str,
)
def test_an_event_by_which_reddit_could_match_nobody_is_rejected_here(fields: dict[str, Any], taken: bool) -> None:
    sent = item("minimal", {"event_name": "LEAD"} | fields)
    assert isinstance(sent, dict) if taken else sent.code == "no_user_data"


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("PURCHASE", "PURCHASE"), ("Purchase", "PURCHASE"), ("Order Completed", "PURCHASE"),
        ("AddToCart", "ADD_TO_CART"), ("SignUp", "SIGN_UP"), ("CompleteRegistration", "SIGN_UP"),
        ("Page View", "PAGE_VISIT"), ("PageVisit", "PAGE_VISIT"), ("generate_lead", "LEAD"),
    ],
)  # fmt: skip
def test_an_event_goes_by_the_name_that_reddit_knows(said: str, name: str) -> None:
    assert item(fields={"event_name": said})["type"] == {"tracking_type": name}


def test_a_name_of_ones_own_is_a_custom_event() -> None:
    kind = item(fields={"event_name": "promotion event"}, own_events="Called, Promotion Event")["type"]
    assert kind == {"tracking_type": "CUSTOM", "custom_event_name": "Promotion Event"}
    assert item(fields={"event_name": "x" * 65}, own_events="x" * 65).code == "long_event_name"


@pytest.mark.parametrize("said", ["Booked Oncology Visit", "", None, [], "CUSTOM", "own_events", "*"])
def test_a_name_that_reddit_does_not_know_is_rejected_with_those_that_it_does(said: Any) -> None:
    rejected = item(fields={"event_name": said})
    assert (rejected.code, rejected.field) == ("unknown_event_name", "event_name")
    assert all(name in rejected.message for name in TYPES)


def test_an_event_whose_id_is_not_mapped_still_has_one_that_repeats_share() -> None:
    fields = {"event_name": "LEAD", "email": "jane@example.com"}
    tries = [sample_delivery(settings=load_settings(Reddit, GIVEN), fields=fields, attempt=n) for n in (1, 2)]
    assert {plugin.item(one)["metadata"]["conversion_id"] for one in tries} == {tries[0].id}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"value": "12,50"}, "invalid_value"),
        ({"value": True}, "invalid_value"),
        ({"currency": "US Dollar"}, "invalid_currency"),
        ({"item_count": 1.5}, "invalid_item_count"),
        ({"products": [{"sku": "A-1", "price": "cheap"}]}, "invalid_products"),
        ({"order_id": "1001"}, "unknown_field"),
        ({"diagnosis": "x"}, "unknown_field"),
        ({"action_source": "website"}, "unknown_action_source"),
    ],
)
def test_what_would_be_lost_or_spoil_a_whole_request_is_rejected_here(fields: dict[str, Any], code: str) -> None:
    rejected = item(fields=fields)
    assert isinstance(rejected, Rejected)
    assert (rejected.code, rejected.field) == (code, *fields)


def test_numbers_leave_as_numbers_and_what_is_not_known_is_left_out() -> None:
    told = item(fields={"value": "10", "item_count": "2", "currency": ""})["metadata"]
    assert told == {"conversion_id": "order-1001", "value": 10, "item_count": 2}


def test_of_what_was_bought_only_what_reddit_knows_leaves() -> None:
    bought = [{"sku": 7, "quantity": "2", "price": 64.95, "diagnosis": "x"}, {"id": "B", "name": "Hat", "price": 0}]
    assert item(fields={"products": bought})["metadata"]["products"] == [
        {"id": "7", "item_price": 64.95, "quantity": 2},
        {"id": "B", "name": "Hat", "item_price": 0},
    ]


def test_settings_and_mapping_decide_on_privacy() -> None:
    fields = {"ip_address": "192.0.2.7", "uuid": UUID, "action_source": "OTHER"}
    sent = item(fields=fields, url_detail="full", external_id_key="key")
    person = sent["user"]
    assert (person["ip_address"], person["uuid"]) == ("192.0.2.7", UUID)
    assert person["external_id"] not in (sha256("customer-7"), "customer-7")
    assert sent["event_source_url"] == "https://shop.example.com/?utm_source=news"
    assert sent["action_source"] == "OTHER"


def test_of_what_happened_in_a_store_no_device_leaves() -> None:
    device = {"ip_address": "192.0.2.7", "uuid": UUID, "idfa": "8A2E", "aaid": "3840", "click_id": "31"}
    sent = item(fields=device, action_source="PHYSICAL_STORE")
    assert (sent["user"].keys(), "click_id" in sent) == ({"email", "phone_number", "external_id"}, False)


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
def test_of_whoever_objects_or_denies_consent_limited_use_is_asked(fields: dict[str, Any], limited: bool) -> None:
    options = item(fields=fields)["user"].get("data_processing_options")
    assert options == ({"modes": ["LDU"]} if limited else None)


def test_where_somebody_lives_leaves_only_with_limited_use() -> None:
    place = {"country": "us", "region": "US-CA"}
    assert not {"data_processing_options", "country", "region"} & item(fields=place)["user"].keys()
    options = item(fields=place, limited_data_use=True)["user"]["data_processing_options"]
    assert options == {"modes": ["LDU"], "country": "US", "region": "US-CA"}


def said(message: Any) -> bytes:
    return json.dumps({"data": {"message": message}}).encode()


@pytest.mark.parametrize("count", [1, 3, 1000])
def test_as_many_as_were_sent_are_delivered(count: int) -> None:
    yes = answer(200, said(f"Successfully processed {count} conversion events."))
    assert plugin.read_batch(yes, [{}] * count) == Delivered()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"OK", b"{}", b"[]", said(None), said({}), said("Thanks."), said("Successfully processed conversions."),
        said("Successfully processed 1 conversion events."), said("Successfully processed 0 conversion events."),
    ],
)  # fmt: skip
def test_a_200_that_does_not_count_them_all_leaves_it_unknown(body: bytes) -> None:
    assert isinstance(plugin.read_batch(answer(200, body), [{}] * 2), Unknown)


NAMED = {
    "code": 400,
    "message": "There were 2 invalid conversion events. None were processed.",
    "fields": [
        {"field": "$.data.events[2].user.UUID", "message": "Not RFC-4122."},
        {"field": "$.data.events[2].event_at", "message": "Too old."},
        {"field": "$.data.events[0]"},
        {"field": "$.data.events[9].event_at"}, {"field": "$.data"}, {"field": 1}, {}, "?",
    ],
}  # fmt: skip


def test_those_that_reddit_names_are_rejected_and_the_others_go_again() -> None:
    said = plugin.read_batch(answer(400, json.dumps({"error": NAMED}).encode()), [{}] * 3)
    assert isinstance(said, list)
    assert said[2] == Rejected("http_400", "Not RFC-4122.", "user.UUID")
    assert said[0] == Rejected("http_400", "Reddit does not say what is wrong with it.")
    assert isinstance(said[1], Split)


def test_alone_it_is_rejected_for_what_reddit_names() -> None:
    fields = [{"field": "$.data.events[0].user.UUID", "message": "Not RFC-4122."}]
    refusal = answer(400, json.dumps({"error": {"message": "Invalid.", "fields": fields}}).encode())
    assert alone(plugin, refusal) == Rejected("http_400", "Not RFC-4122.", "user.UUID")


@pytest.mark.parametrize("status", [400, 422])
def test_a_request_that_was_refused_was_refused_whole(status: int) -> None:
    message = "There were 1 invalid conversion events. None were processed."
    refusal = answer(status, json.dumps({"error": {"code": status, "message": message}}).encode())
    assert alone(plugin, refusal) == Rejected(f"http_{status}", message)
    assert Reddit.batching.atomic


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"message": "Bad Request"}', "Bad Request"),
        (b'{"error": "Bad"}', "Reddit answered 400."),
        (b'{"error": {"message": [1]}}', "Reddit answered 400."),
        (b"{}", "Reddit answered 400."),
    ],
)
def test_a_refusal_is_told_as_far_as_reddit_tells_it(body: bytes, message: str) -> None:
    assert alone(plugin, answer(400, body)) == Rejected("http_400", message)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, Unauthorized), (403, Unauthorized), (404, Unauthorized), (302, Unauthorized), (503, Retry), (500, Retry)],
)
@pytest.mark.parametrize("body", [said("Successfully processed 1 conversion events."), b"<html>"])
def test_other_answers_mean_what_their_status_does(status: int, kind: type, body: bytes) -> None:
    assert isinstance(alone(plugin, answer(status, body)), kind)


def test_a_web_page_is_something_else_at_this_address() -> None:
    assert isinstance(alone(plugin, answer(200, b"<!doctype html><html>")), Unauthorized)


def test_it_rests_when_it_was_too_fast() -> None:
    outcome = alone(plugin, answer(429, b"", {"X-RateLimit-Reset": "9"}))
    assert outcome == Retry("http_429", "The destination answered 429.", 9.0, throttle=True)


@pytest.mark.parametrize("setting", [{"pixel_id": "a pixel"}, {"action_source": "web"}, {"api_version": "3"}])
def test_settings_that_reddit_would_refuse_are_refused(setting: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        load_settings(Reddit, GIVEN | setting)
