"""Microsoft's UET Conversions API: the very requests, the hashes of its guide, its faults and warnings."""

import json
from typing import Any, ClassVar

import pytest

from destinations.microsoft_uet import MicrosoftUET
from ours.plugin import Delivered, Rejected, Retry, Split, Unauthorized, Unknown, load_settings
from ours.plugin.testing import DestinationContract, sample_event
from ours.plugin.testing.exchange import answer
from ours.plugin.testing.samples import NOW
from tests.destinations.asking import NO_ORDER_IDS, ByDistinctId, alone, delivery_to, sha256

GIVEN = {"tag_id": "187012345", "access_token": "a-token-for-tests"}
CLICK = "dd4afccc-b1c9-4a4c-ad95-44dd7e5006ab"
PERSON = {"email": " John@Contoso.com ", "phone_number": "+1 (425) 555-1234", "msclkid": CLICK,
          "consent": {"ad_storage": "granted"}}  # fmt: skip
# As Microsoft's guide has them of john@contoso.com and +14255551234.
EMAIL = "ec81f3ac7b2b19675bab9d54cf416f9f18cff87c97da5cca82c0f0891bc40602"
PHONE = "c59475d96e9f01d7d18d06cfad84dd02333207f02c0c2c5663ef2782cda0390e"
OTHERS = Split("refused_with_others", "Microsoft refused the request for another event in it.")
plugin = MicrosoftUET()


class TestMicrosoftUET(ByDistinctId, DestinationContract):
    destination = MicrosoftUET
    settings: ClassVar = GIVEN


class TestMicrosoftUETWithAKey(ByDistinctId, DestinationContract):
    destination = MicrosoftUET
    settings: ClassVar = {**GIVEN, "external_id_key": "a-key-for-tests", "url_detail": "full"}


def item(sample: str = "purchase", fields: dict[str, Any] | None = None, **settings: Any) -> Any:
    person = {"user_properties": PERSON} if sample == "purchase" else {}
    return plugin.item(delivery_to(MicrosoftUET, GIVEN | settings, sample, fields, **person))


def test_a_purchase_hashes_whom_it_names_as_microsoft_does() -> None:
    assert item() == {
        "eventType": "custom",
        "eventId": "order-1001",
        "eventName": "Order Completed",
        "eventTime": (NOW - 5_000) // 1000,
        "eventSourceUrl": "https://shop.example.com/",
        "adStorageConsent": "G",
        "userData": {"em": EMAIL, "ph": PHONE, "msclkid": CLICK, "clientUserAgent": "Mozilla/5.0"},
        "customData": {"value": 129.9, "currency": "EUR", "transactionId": "1001"},
    }


def test_a_lead_is_matched_by_its_phone_number_and_says_nothing_of_consent_or_worth() -> None:
    assert item("lead") == {
        "eventType": "custom",
        "eventId": "lead-2002",
        "eventName": "Lead Created",
        "eventTime": (NOW - 3_600_000) // 1000,
        "userData": {"ph": sha256("+33199001234")},
    }


def test_an_identify_is_no_conversion_and_a_minimal_event_matches_nobody() -> None:
    assert item("identify").reason == "no_conversion"
    assert item("minimal").code == "no_user_data"


@pytest.mark.parametrize(
    ("email", "written"),
    [(" J.Ane+news@Outlook.COM", "jane@outlook.com"), ("j.ane@gmail.com", "jane@gmail.com")],
)
def test_an_email_has_neither_dots_nor_a_suffix_whatever_the_domain(email: str, written: str) -> None:
    assert item(fields={"email": email})["userData"]["em"] == sha256(written)


def test_the_hash_of_an_email_stands_in_where_the_email_is_not_known() -> None:
    assert item(fields={"email": None})["userData"]["em"] == sample_event().email_sha256


@pytest.mark.parametrize("said", [CLICK.upper(), CLICK.replace("-", ""), f"_uet{CLICK.replace('-', '')}"])
def test_a_click_is_the_uuid_that_microsoft_wants_however_it_was_kept(said: str) -> None:
    assert item(fields={"msclkid": said})["userData"]["msclkid"] == CLICK


def test_a_click_that_is_none_is_left_out() -> None:
    assert "msclkid" not in item(fields={"msclkid": "dd4afccc"})["userData"]


@pytest.mark.parametrize("unknown", [{"client_ip_address": "192.0.2.7"}, {"client_user_agent": "Mozilla/5.0"}])
def test_a_browser_or_an_address_alone_names_nobody(unknown: dict[str, str]) -> None:
    assert item("minimal", unknown).code == "no_user_data"


@pytest.mark.parametrize(
    ("said", "sent"),
    [(True, "G"), ("yes", "G"), (False, "D"), ("denied", "D"), ("maybe", "D"), ([1], "D"), (None, None), ("", None)],
)
def test_an_objection_is_not_lost_by_its_spelling(said: Any, sent: str | None) -> None:
    assert item(fields={"ad_storage": said}).get("adStorageConsent") == sent


@pytest.mark.parametrize(
    ("consent", "sent"),
    [({"ad_user_data": "denied"}, "D"), ({"ad_storage": True, "ad_personalization": False}, "D"),
     ({"ad_storage": "", "ad_user_data": True}, None)],
)  # fmt: skip
def test_one_no_is_a_no_and_a_yes_to_something_else_is_no_yes(consent: dict[str, Any], sent: str | None) -> None:
    assert item(fields=consent).get("adStorageConsent") == sent
    assert not consent.keys() & item(fields=consent).get("customData", {}).keys()


def test_an_id_of_yours_leaves_as_a_hash_and_under_a_key_of_yours_if_you_like() -> None:
    plain = item(fields={"external_id": " Customer-7 "})["userData"]["externalId"]
    keyed = item(fields={"external_id": " Customer-7 "}, external_id_key="a-key")["userData"]["externalId"]
    assert plain == sha256("Customer-7")
    assert len(keyed) == 64
    assert keyed != plain


def test_whatever_else_is_mapped_goes_with_the_event() -> None:
    more = {"pageType": "purchase", "items": [{"id": "A-1", "quantity": 2, "price": 64.95}], "eventValue": "12.5",
            "anonymous_id": "b171a9b06ce011ecafcd1b209be8601b", "idfa": "I", "gaid": "G",
            "client_ip_address": "192.0.2.7", "referrer_url": "https://www.bing.com/search?q=shoes",
            "page_title": "Thanks", "page_load_id": "bcf3000b-65fa-4cd2-808a-8a6cf2b1d0a5"}  # fmt: skip
    sent = item(fields=more, url_detail="path")
    assert sent["customData"] == {
        "value": 129.9, "currency": "EUR", "transactionId": "1001", "pageType": "purchase", "items": more["items"],
        "eventValue": 12.5,
    }  # fmt: skip
    assert sent["userData"] == {
        "em": EMAIL, "ph": PHONE, "msclkid": CLICK, "clientUserAgent": "Mozilla/5.0", "idfa": "I", "gaid": "G",
        "anonymousId": "b171a9b06ce011ecafcd1b209be8601b", "clientIpAddress": "192.0.2.7",
    }  # fmt: skip
    page = {"referrerUrl": "https://www.bing.com/search", "pageTitle": "Thanks",
            "pageLoadId": "bcf3000b-65fa-4cd2-808a-8a6cf2b1d0a5"}  # fmt: skip
    assert page.items() <= sent.items()


def test_a_page_load_needs_its_page_and_has_no_worth() -> None:
    page = {"event_type": "pageLoad", "value": None, "currency": None, "order_id": None}
    assert item(fields=page, url_detail="full")["eventSourceUrl"] == "https://shop.example.com/?utm_source=news"
    assert item(fields=page | {"event_source_url": "no address"}).code == "no_event_source_url"
    assert item(fields=page | {"value": 1}).code == "value_of_a_page"


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"value": "12,50"}, "invalid_value", "value"),
        ({"value": True}, "invalid_value", "value"),
        ({"eventValue": [1]}, "invalid_eventvalue", "eventValue"),
        ({"currency": "US Dollar"}, "invalid_currency", "currency"),
        ({"event_name": " "}, "no_event_name", "event_name"),
        ({"event_type": "purchase"}, "invalid_event_type", "event_type"),
    ],
)
def test_what_can_not_be_read_is_rejected_and_not_left_out(fields: dict[str, Any], code: str, field: str) -> None:
    rejected = item(fields=fields)
    assert (rejected.code, rejected.field) == (code, field)
    assert "12,50" not in rejected.message


def test_a_request_is_for_all_or_none_and_carries_the_token_in_a_header() -> None:
    request = plugin.pack([{"a": 1}, {"b": 2}], load_settings(MicrosoftUET, GIVEN | {"data_provider": "shop"}))
    assert request.url == "https://capi.uet.microsoft.com/v1/187012345/events"
    assert request.headers["Authorization"] == "Bearer a-token-for-tests"
    assert json.loads(request.data) == {
        "data": [{"a": 1}, {"b": 2}], "continueOnValidationError": False, "dataProvider": "shop",
    }  # fmt: skip
    assert MicrosoftUET.batching.atomic


@pytest.mark.parametrize("odd", NO_ORDER_IDS)
def test_an_order_id_that_is_no_text_is_rejected_here_and_an_empty_one_left_out(odd: Any) -> None:
    said = "What is mapped to order_id can't be read as a text."
    assert item(fields={"order_id": odd}) == Rejected("invalid_order_id", said, "order_id")
    assert "transactionId" not in item(fields={"order_id": ""})["customData"]


def said(status: int, *faults: tuple[Any, str, str, Any], **more: Any) -> Any:
    details = [
        {"index": index, "propertyName": name, "attemptedValue": "jane@example.com", "errorMessage": "No.",
         "errorCode": code, "isWarning": warning}
        for index, name, code, warning in faults
    ]  # fmt: skip
    error = {"error": {"code": "ValidationError", "message": "See details.", "details": details}} if faults else {}
    return answer(status, json.dumps(more | error).encode())


def test_all_arrived_and_what_was_left_out_is_noted() -> None:
    left_out = (1, "data[1].customData.currency", "InvalidCurrency", True)
    outcomes = plugin.read_batch(said(200, left_out, eventsReceived=3, traceId="t-1"), [{}] * 3)
    assert outcomes == [
        Delivered("t-1"), Delivered("Without customData.currency (InvalidCurrency)."), Delivered("t-1"),
    ]  # fmt: skip
    assert alone(plugin, answer(200, b'{"traceId": "t-2"}')) == Delivered("t-2")


@pytest.mark.parametrize("odd", [b'{"eventsReceived": 1}', b"OK", b"", b"[]", b"{}"])
def test_a_count_that_differs_or_is_none_leaves_all_unknown(odd: bytes) -> None:
    assert isinstance(plugin.read_batch(answer(200, odd), [{}, {}]), Unknown)


def test_those_that_microsoft_names_are_rejected_by_their_first_fault_and_the_others_go_again() -> None:
    faults = [
        (0, "data[0].referrerUrl", "InvalidUrl", True),
        (2, "data[2].userData", "Empty", False),
        (2, "data[2].eventTime", "InvalidEventTime", False),
        (9, "data[9].userData", "Empty", False),
    ]
    nobody = Rejected("Empty", "Microsoft refused userData: Empty.", "userData")
    assert plugin.read_batch(said(400, *faults), [{}, {}, {}]) == [OTHERS, OTHERS, nobody]
    assert alone(plugin, said(400, (0, "data[0].userData", "Empty", False))) == nobody


def test_a_time_that_microsoft_does_not_like_is_tried_again() -> None:
    """What is too old is not sent, so that it must be a clock."""
    outcome = alone(plugin, said(400, (0, "data[0].eventTime", "InvalidEventTime", False)))
    words = "Microsoft refused eventTime: InvalidEventTime. Is this machine's clock right?"
    assert outcome == Retry("InvalidEventTime", words)


@pytest.mark.parametrize(
    "odd",
    [
        said(400),
        said(400, (None, "data", "Empty", False)),
        said(400, (-1, "data", "Empty", False)),
        said(400, (0, "data[0].userData.em", "InvalidSha256", True)),
        answer(400, b'{"error": {"details": 5}}'),
        answer(400, b'{"error": [], "details": [[]]}'),
    ],
    ids=["none", "no index", "below", "a warning", "no list", "no object"],
)
def test_a_refusal_that_names_no_event_is_halved_until_one_is_alone(odd: Any) -> None:
    refused = Rejected("refused", "Microsoft refused it, and did not say why.")
    assert plugin.read_batch(odd, [{}, {}]) == refused
    assert alone(plugin, odd) == refused


def test_what_microsoft_quotes_is_passed_on_to_nobody() -> None:
    outcome = alone(plugin, said(400, (0, "data[0].userData.em", "Not a jane@example.com", False)))
    assert outcome == Rejected("refused", "Microsoft refused userData.em: refused.", "userData.em")


def test_a_refused_token_pauses_and_a_throttle_or_a_fault_is_tried_again() -> None:
    unauthorized = answer(401, b'{"error": {"code": "Unauthorized", "message": "You are not authorized."}}')
    assert isinstance(plugin.read_batch(unauthorized, [{}]), Unauthorized)
    assert isinstance(plugin.read_batch(answer(404), [{}]), Unauthorized)
    slow = plugin.read_batch(answer(429, b"", {"Retry-After": "7"}), [{}, {}])
    assert slow == Retry("http_429", "The destination answered 429.", 7.0, throttle=True)
    assert plugin.read_batch(answer(500, b"<html>"), [{}]) == Retry("http_500", "The destination answered 500.")
