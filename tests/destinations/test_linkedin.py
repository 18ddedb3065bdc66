"""LinkedIn's Conversions API: the very requests, both ways in, and its refusals as they were observed."""

import json
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import parse_qs

import pytest

from destinations.linkedin import LinkedIn
from ours.plugin import (
    Delivered,
    Rejected,
    Retry,
    Split,
    Unauthorized,
    Unknown,
    ValidationError,
    load_settings,
)
from ours.plugin.testing import DestinationContract, sample_delivery, sample_event
from ours.plugin.testing.exchange import answer
from ours.plugin.testing.samples import NOW
from tests.destinations.asking import alone, delivery_to, sha256

APP = {"client_id": "an-app", "client_secret": "a-client-secret-for-tests", "token": "a-refresh-token-for-tests"}
GIVEN = {"conversion_id": "104012", **APP}
DIRECT = {"conversion_id": "104012", "token": "an-access-token-for-tests"}
CLICK = {"li_fat_id": "df5gf5-gh6t7-Ph4j7h"}
OTHERS = Split("refused_with_others", "LinkedIn refused the request for another event in it.")
plugin = LinkedIn()


class TestLinkedIn(DestinationContract):
    destination = LinkedIn
    settings: ClassVar = GIVEN


class TestLinkedInWithATokenOfTheCampaignManager(DestinationContract):
    destination = LinkedIn
    settings: ClassVar = DIRECT


def item(sample: str = "purchase", fields: dict[str, Any] | None = None, **changes: Any) -> Any:
    event, version = changes.pop("event", {}), {"api_version": changes.pop("version", "202609")}
    return plugin.item(replace(delivery_to(LinkedIn, GIVEN | version, sample, fields, **event), **changes))


def test_a_purchase_names_its_buyer_by_hash_and_its_worth_as_a_text() -> None:
    person = {"email": " Jane@Example.com ", "first_name": "Zoë", "last_name": "O'Neil", **CLICK}
    assert item(event={"user_properties": person}) == {
        "conversion": "urn:lla:llaPartnerConversion:104012",
        "conversionHappenedAt": NOW - 5_000,
        "conversionValue": {"currencyCode": "EUR", "amount": "129.9"},
        "eventId": "order-1001",
        "user": {
            "userIds": [
                {"idType": "SHA256_EMAIL", "idValue": sha256("jane@example.com")},
                {"idType": "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID", "idValue": "df5gf5-gh6t7-Ph4j7h"},
            ]
        },
    }


def test_a_lead_whose_email_is_not_known_is_matched_by_its_click_and_has_no_worth() -> None:
    assert item("lead", CLICK) == {
        "conversion": "urn:lla:llaPartnerConversion:104012",
        "conversionHappenedAt": NOW - 3_600_000,
        "eventId": "lead-2002",
        "user": {"userIds": [{"idType": "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID", "idValue": "df5gf5-gh6t7-Ph4j7h"}]},
    }


def test_a_form_on_linkedin_is_enough_to_know_whose_it_is() -> None:
    user = item("minimal", {"lead": "urn:li:leadGenFormResponse:1-a"})["user"]
    assert user == {"userIds": [], "lead": "urn:li:leadGenFormResponse:1-a"}


def test_names_that_are_mapped_leave_as_the_hashes_that_linkedin_publishes() -> None:
    named = {"first_name": "Mary", "last_name": "O'Brien"}
    more = {"company": "Example GmbH", "title": "CTO", "country": "de"}
    assert item("minimal", named | more)["user"] == {
        "userIds": [],
        "userInfo": {
            "hashedFirstName": sha256("mary"),
            "hashedLastName": sha256("obrien"),
            "companyName": "Example GmbH",
            "title": "CTO",
            "countryCode": "DE",
        },
    }


@pytest.mark.parametrize(
    ("fields", "version"),
    [
        ({}, "202609"),
        ({"email": "not an address", "li_fat_id": " ", "lead": "1-a"}, "202609"),
        ({"first_name": "Mary"}, "202609"),
        ({"first_name": "Mary", "last_name": "O'Brien"}, "202608"),
        ({"company": "Example GmbH", "country": "de"}, "202609"),
    ],
    ids=["nothing", "rubbish", "half a name", "a version that takes names in clear alone", "no person"],
)
def test_what_names_nobody_is_rejected_here(fields: dict[str, Any], version: str) -> None:
    assert item("minimal", fields, version=version).code == "no_user_data"


def test_the_hash_of_an_email_stands_in_where_the_email_is_not_known() -> None:
    known = sample_event().email_sha256
    assert item(fields={"email": None})["user"]["userIds"] == [{"idType": "SHA256_EMAIL", "idValue": known}]


def test_an_identify_is_no_conversion() -> None:
    assert item("identify", CLICK).reason == "no_conversion"


@pytest.mark.parametrize("said", [104013, " 104013 ", "urn:lla:llaPartnerConversion:104013"])
def test_the_mapping_may_say_which_rule_it_counts_for(said: Any) -> None:
    assert item(fields={"conversion_id": said})["conversion"] == "urn:lla:llaPartnerConversion:104013"


@pytest.mark.parametrize(
    ("value", "amount"),
    [("12.50", "12.5"), (10, "10"), (0, "0"), (-3.5, "-3.5"), (1e22, "10000000000000000000000"), (1e-7, "0.0000001")],
)
def test_a_sum_is_a_text_without_an_exponent(value: Any, amount: str) -> None:
    assert item(fields={"value": value})["conversionValue"] == {"currencyCode": "EUR", "amount": amount}


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"value": "12,50"}, "invalid_value", "value"),
        ({"value": True}, "invalid_value", "value"),
        ({"currency": "US Dollar"}, "invalid_currency", "currency"),
        ({"currency": None}, "no_currency", "currency"),
        ({"conversion_id": "the one for leads"}, "invalid_conversion_id", "conversion_id"),
    ],
)
def test_what_can_not_be_read_is_rejected_and_not_left_out(fields: dict[str, Any], code: str, field: str) -> None:
    rejected = item(fields=fields)
    assert (rejected.code, rejected.field) == (code, field)
    assert not any(str(value) in rejected.message for value in fields.values() if value is not None)


def test_a_currency_without_a_value_says_nothing() -> None:
    assert "conversionValue" not in item(fields={"value": ""})


def test_an_event_whose_id_is_not_mapped_still_has_one_that_repeats_share() -> None:
    tries = [item(fields={"event_id": " "}, attempt=number)["eventId"] for number in (1, 2)]
    assert set(tries) == {sample_delivery().id}


def test_a_request_names_the_version_and_leaves_the_token_to_be_fetched() -> None:
    values = load_settings(LinkedIn, GIVEN | {"api_version": "202612"})
    request = plugin.pack([{"a": 1}, {"b": 2}], values)
    assert request.url == "https://api.linkedin.com/rest/conversionEvents"
    assert request.headers == {
        "Content-Type": "application/json", "LinkedIn-Version": "202612", "X-Restli-Protocol-Version": "2.0.0",
        "X-RestLi-Method": "BATCH_CREATE",
    }  # fmt: skip
    assert json.loads(request.data) == {"elements": [{"a": 1}, {"b": 2}]}
    asked = plugin.token_request(values, NOW)
    assert asked is not None
    assert asked.url == "https://www.linkedin.com/oauth/v2/accessToken"
    assert parse_qs(str(asked.prepare().body)) == {
        "grant_type": ["refresh_token"], "refresh_token": [APP["token"]], "client_id": ["an-app"],
        "client_secret": [APP["client_secret"]],
    }  # fmt: skip


def test_a_token_of_the_campaign_manager_is_sent_as_it_is() -> None:
    values = load_settings(LinkedIn, DIRECT)
    assert plugin.token_request(values, NOW) is None
    assert plugin.pack([{}], values).headers["Authorization"] == "Bearer an-access-token-for-tests"


@pytest.mark.parametrize("half", ["client_id", "client_secret"])
def test_half_an_app_is_told_at_once(half: str) -> None:
    with pytest.raises(ValidationError) as told:
        load_settings(LinkedIn, GIVEN | {half: ""})
    assert list(told.value.messages_dict) == [half]


def said(status: int, message: str = "", **more: Any) -> Any:
    return answer(status, json.dumps({"message": message, "status": status} | more).encode())


def elements(*statuses: Any) -> Any:
    return answer(200, json.dumps({"elements": [{"status": one} for one in statuses]}).encode())


def test_each_event_has_the_status_that_linkedin_gives_it() -> None:
    assert plugin.read_batch(elements(201, 422, 500, None), [{}] * 4) == [
        Delivered(),
        Rejected("linkedin_422", "LinkedIn answered 422 for it."),
        Retry("linkedin_500", "LinkedIn answered 500 for it."),
        Unknown("status_missing", "LinkedIn does not say what became of it."),
    ]


def test_that_the_token_may_not_do_it_is_no_events_fault_where_it_is_said_of_each_either() -> None:
    said = LinkedIn().read_batch(elements(401, 403, 429), [{}] * 3)
    assert [type(one) for one in said] == [Unauthorized, Unauthorized, Retry]  # type: ignore[union-attr]


@pytest.mark.parametrize("odd", [elements(201), answer(200, b"OK"), answer(201, b"")])
def test_an_answer_without_a_status_for_each_leaves_all_unknown(odd: Any) -> None:
    assert plugin.read_batch(odd, [{}, {}]) == Unknown(
        "count_differs", "LinkedIn does not say what became of each of 2 events."
    )


def test_whom_linkedin_names_is_rejected_by_its_field_and_the_others_go_again() -> None:
    message = ("Index: 1, ERROR :: /conversionValue/amount :: 19.9 cannot be coerced to String\n"
               "ERROR :: /user/userIds :: field is required\nIndex: 7, ERROR :: /a :: b\n")  # fmt: skip
    rejected = Rejected("invalid_conversionvalue_amount", "LinkedIn refused conversionValue.amount.",
                        "conversionValue.amount")  # fmt: skip
    assert plugin.read_batch(said(422, message), [{}, {}, {}]) == [OTHERS, rejected, OTHERS]


def test_whom_linkedin_names_for_the_time_is_tried_again_and_the_others_go_at_once() -> None:
    """What is too old is not sent, so that it must be a clock."""
    message = "Conversion time should be within 90 days and not exceed current time, indices [0, 2] (0-indexed)."
    late = Retry("invalid_time", "LinkedIn takes it for future or too old: is this machine's clock right?")
    assert plugin.read_batch(said(400, message), [{}, {}, {}]) == [late, OTHERS, late]
    assert alone(plugin, said(400, message)) == late


def test_what_linkedin_quotes_is_passed_on_to_nobody() -> None:
    message = 'ERROR :: /user/userIds/0/idType :: "jane@example.com" is not an enum symbol'
    assert alone(plugin, said(422, message)) == Rejected(
        "invalid_user_userids_0_idtype", "LinkedIn refused user.userIds.0.idType.", "user.userIds.0.idType"
    )


@pytest.mark.parametrize("message", ["", "The batch is not as we like it: jane@example.com", "indices [9]"])
def test_a_refusal_that_names_no_event_is_halved_until_one_is_alone(message: str) -> None:
    refused = Rejected("linkedin_400", "LinkedIn refused it (400), and did not say why.")
    assert plugin.read_batch(said(400, message), [{}, {}]) == refused
    assert plugin.read_batch(said(400, message), [{}]) == refused
    assert LinkedIn.batching.atomic


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (said(401, "Invalid access token", code="INVALID_ACCESS_TOKEN", serviceErrorCode=65600), "http_401"),
        (said(403, "No ad accounts found"), "http_403"),
        (said(404, "No virtual resource found", code="RESOURCE_NOT_FOUND"), "http_404"),
        (said(400, "A version must be present.", code="VERSION_MISSING"), "version_retired"),
        (said(426, "Requested version is not active", code="NONEXISTENT_VERSION"), "version_retired"),
        (said(400, "Conversion's method should be CONVERSIONS_API, indices [0] (0-indexed)"), "wrong_rule"),
    ],
)
def test_what_is_no_events_fault_pauses_the_destination(response: Any, expected: str) -> None:
    outcome = plugin.read_batch(response, [{}, {}])
    assert isinstance(outcome, Unauthorized)
    assert outcome.code == expected


def test_too_many_requests_and_a_fault_of_linkedins_are_tried_again() -> None:
    slow = plugin.read_batch(answer(429, b"{}", {"Retry-After": "60"}), [{}, {}])
    assert slow == Retry("http_429", "The destination answered 429.", 60.0, throttle=True)
    assert plugin.read_batch(answer(503, b"<html>"), [{}, {}]) == Retry("http_503", "The destination answered 503.")


def test_it_does_not_promise_that_a_repeat_is_dropped() -> None:
    """LinkedIn's words are of its Insight Tag's events alone: a second conversion would be counted."""
    assert not LinkedIn.dedupes
