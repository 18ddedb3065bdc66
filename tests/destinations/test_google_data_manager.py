"""Google's Data Manager: the very requests, tokens for a signed claim, and Google's reasons."""

import base64
import json
from typing import Any, ClassVar
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from destinations.google_data_manager import GoogleDataManager
from ours.plugin import (
    Delivered,
    Rejected,
    Retry,
    Split,
    Unauthorized,
    ValidationError,
    load_settings,
)
from ours.plugin.testing import DestinationContract, sample_delivery, sample_event
from ours.plugin.testing.exchange import answer
from ours.plugin.testing.samples import NOW
from tests.destinations.asking import ByDistinctId, delivery_to, sha256

PRIVATE = rsa.generate_private_key(65537, 2048)
FORMAT = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
KEY = {
    "type": "service_account",
    "client_email": "ours@example.iam.gserviceaccount.com",
    "private_key": PRIVATE.private_bytes(*FORMAT).decode(),
    "token_uri": "https://oauth2.googleapis.com/token",
}
GIVEN = {"service_account": json.dumps(KEY), "account_id": "1234567890", "conversion_action_id": "987654321"}
PERSON = {
    "email": " J.Ane+news@GoogleMail.com", "phone_number": "+33 6 12 34 56 78", "zip": "69001", "country": "fr",
    "first_name": "Zoë", "last_name": "O'Neil", "gclid": "Cj0K-CAse",
    "consent": {"ad_user_data": True, "ad_personalization": "refused"},
}  # fmt: skip
plugin = GoogleDataManager()


class TestGoogleDataManager(ByDistinctId, DestinationContract):
    destination = GoogleDataManager
    settings: ClassVar = GIVEN


def item(*words: Any, **changes: Any) -> Any:
    return plugin.item(delivery_to(GoogleDataManager, GIVEN, *words, **changes))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"value": "12,50"}, "INVALID_VALUE"),
        ({"value": True}, "INVALID_VALUE"),
        ({"currency": "US Dollar"}, "INVALID_CURRENCY_CODE"),
    ],
)
def test_a_worth_that_can_not_be_read_is_rejected_and_not_left_out(fields: dict[str, Any], code: str) -> None:
    """Google would take what the conversion action is worth, or the account's currency, and nobody would know."""
    rejected = item(fields=fields)
    assert (rejected.code, rejected.field) == (code, *fields)
    assert str(*fields.values()) not in rejected.message


def test_a_worth_that_is_not_known_is_left_out() -> None:
    assert not {"conversionValue", "currency"} & item(fields={"value": "", "currency": None}).keys()


def test_a_purchase_hashes_whom_it_names_as_google_does() -> None:
    assert item(user_properties=PERSON) == {
        "eventTimestamp": "2026-11-18T11:06:35.000Z",
        "transactionId": "order-1001",
        "eventSource": "WEB",
        "adIdentifiers": {"gclid": "Cj0K-CAse"},
        "userData": {
            "userIdentifiers": [
                {"emailAddress": sha256("jane@googlemail.com")},
                {"phoneNumber": sha256("+33612345678")},
                {
                    "address": {
                        "givenName": sha256("zoë"),
                        "familyName": sha256("oneil"),
                        "regionCode": "FR",
                        "postalCode": "69001",
                    }
                },
            ]
        },
        "conversionValue": 129.9,
        "currency": "EUR",
        "consent": {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_DENIED"},
    }


@pytest.mark.parametrize("country", ["United States", "USA", "u", ["fr"]])
def test_a_country_that_google_would_refuse_the_conversion_for_costs_the_address_alone(country: Any) -> None:
    sent = item(user_properties={**PERSON, "country": country})
    assert sent["adIdentifiers"] == {"gclid": "Cj0K-CAse"}
    assert [list(one) for one in sent["userData"]["userIdentifiers"]] == [["emailAddress"], ["phoneNumber"]]


def test_a_lead_is_matched_by_its_phone_number_alone() -> None:
    assert item("lead")["userData"] == {"userIdentifiers": [{"phoneNumber": sha256("+33199001234")}]}


def test_the_hash_of_an_email_stands_in_where_the_email_is_not_known() -> None:
    known = sample_event().email_sha256
    assert item(user_properties={})["userData"] == {"userIdentifiers": [{"emailAddress": known}]}


def test_what_names_nobody_and_no_click_is_rejected_here() -> None:
    assert item("minimal").code == "NO_IDENTIFIERS_PROVIDED"


def test_an_identify_is_no_conversion() -> None:
    assert item("identify", user_properties=PERSON).reason == "no_conversion"


@pytest.mark.parametrize("given", [None, "", " "])
def test_a_conversion_whose_transaction_is_not_mapped_still_has_an_id_that_repeats_share(given: Any) -> None:
    event = sample_event(user_properties=PERSON)
    values = load_settings(GoogleDataManager, GIVEN)
    fields = {"gclid": "AbC", "transaction_id": given}
    tries = [sample_delivery(event=event, settings=values, fields=fields, attempt=number) for number in (1, 2)]
    assert {plugin.item(one)["transactionId"] for one in tries} == {tries[0].id}


def test_a_click_alone_will_do_and_needs_no_encoding() -> None:
    click = item("minimal", {"gclid": "AbC", "ip": "192.0.2.7", "user_agent": "Mozilla/5.0"})
    assert click["adIdentifiers"] == {
        "gclid": "AbC", "landingPageDeviceInfo": {"ipAddress": "192.0.2.7", "userAgent": "Mozilla/5.0"},
    }  # fmt: skip
    assert "encoding" not in json.loads(plugin.pack([click], load_settings(GoogleDataManager, GIVEN)).data)


def test_a_request_says_where_to_and_how_it_is_encoded() -> None:
    values = load_settings(GoogleDataManager, GIVEN | {"login_account_id": "5555555555", "validate_only": "true"})
    request = plugin.pack([item()], values)
    body = json.loads(request.data)
    assert request.url == "https://datamanager.googleapis.com/v1/events:ingest"
    assert (body["encoding"], body["validateOnly"], len(body["events"])) == ("HEX", True, 1)
    assert body["destinations"] == [
        {
            "operatingAccount": {"accountType": "GOOGLE_ADS", "accountId": "1234567890"},
            "productDestinationId": "987654321",
            "loginAccount": {"accountType": "GOOGLE_ADS", "accountId": "5555555555"},
        }
    ]


def test_the_token_is_asked_for_with_a_claim_that_google_can_verify() -> None:
    values = load_settings(GoogleDataManager, GIVEN)
    request = plugin.token_request(values, NOW)
    again = plugin.token_request(values, NOW)
    assert (request.url, request.data) == (KEY["token_uri"], again.data)
    form = parse_qs(str(request.prepare().body))
    [assertion] = form["assertion"]
    head, claim, signature = (base64.urlsafe_b64decode(part + "==") for part in assertion.split("."))
    PRIVATE.public_key().verify(
        signature, assertion.rpartition(".")[0].encode(), padding.PKCS1v15(), hashes.SHA256()
    )  # fmt: skip
    assert json.loads(head) == {"alg": "RS256", "typ": "JWT"}
    assert json.loads(claim) == {
        "iss": KEY["client_email"], "aud": KEY["token_uri"], "scope": "https://www.googleapis.com/auth/datamanager",
        "iat": NOW // 1000, "exp": NOW // 1000 + 3600,
    }  # fmt: skip


def refused(status: int, word: str, *details: dict[str, Any]) -> Any:
    return answer(status, json.dumps({"error": {"code": status, "status": word, "details": list(details)}}).encode())


def violations(*fields: str) -> dict[str, Any]:
    return {"fieldViolations": [{"field": field, "reason": "INVALID_CURRENCY_CODE"} for field in fields]}


def test_an_accepted_request_notes_its_id() -> None:
    assert plugin.read_batch(answer(200, b'{"requestId": "r-1"}'), [{}, {}]) == Delivered("r-1")


def test_the_event_that_google_names_is_rejected_and_the_others_go_again() -> None:
    outcomes = plugin.read_batch(refused(400, "INVALID_ARGUMENT", violations("events[1].currency")), [{}, {}, {}])
    others = Split("refused_with_others", "Google refused the request for another event in it.")
    assert outcomes == [
        others,
        Rejected("INVALID_CURRENCY_CODE", "Google refused events[1].currency: INVALID_CURRENCY_CODE.", "currency"),
        others,
    ]


def test_a_refusal_that_names_no_event_is_split_until_one_is_alone() -> None:
    answered = refused(400, "INVALID_ARGUMENT", {"reason": "FIELD_VALUE_TOO_LONG"}, violations("events[9].x"))
    assert isinstance(plugin.read_batch(answered, [{}, {}]), Split)
    alone = plugin.read_batch(refused(400, "INVALID_ARGUMENT", {"reason": "FIELD_VALUE_TOO_LONG"}), [{}])
    assert alone == Rejected("FIELD_VALUE_TOO_LONG", "Google answered FIELD_VALUE_TOO_LONG (400).")


@pytest.mark.parametrize("odd", [5, "x", {"a": 1}, [5, None], None])
def test_a_refusal_of_another_shape_is_a_refusal_all_the_same(odd: Any) -> None:
    expected = Rejected("INVALID_ARGUMENT", "Google answered INVALID_ARGUMENT (400).")
    assert plugin.read_batch(refused(400, "INVALID_ARGUMENT", {"fieldViolations": odd}), [{}]) == expected
    body = json.dumps({"error": {"status": "INVALID_ARGUMENT", "details": odd}}).encode()
    assert plugin.read_batch(answer(400, body), [{}]) == expected


@pytest.mark.parametrize(
    ("status", "word", "details", "kind", "after"),
    [
        (429, "RESOURCE_EXHAUSTED", {"metadata": {"quota_limit": "IngestPerMinute"}}, Retry, None),
        (429, "RESOURCE_EXHAUSTED", {"metadata": {"quota_limit": "IngestPerDayPerProject"}}, Retry, 3600.0),
        (500, "INTERNAL", {"reason": "INTERNAL_ERROR"}, Retry, None),
        (504, "DEADLINE_EXCEEDED", {}, Retry, None),
        (401, "UNAUTHENTICATED", {"reason": "ACCESS_TOKEN_EXPIRED"}, Unauthorized, None),
        (403, "PERMISSION_DENIED", {}, Unauthorized, None),
        (404, "NOT_FOUND", {}, Unauthorized, None),
        (400, "INVALID_ARGUMENT", {"reason": "INVALID_CONVERSION_ACTION_ID"}, Unauthorized, None),
        (400, "FAILED_PRECONDITION", {"reason": "DESTINATION_ACCOUNT_NOT_ENABLED"}, Unauthorized, None),
        (400, "INVALID_ARGUMENT", {"reason": "INVALID_SHA256_FORMAT"}, Rejected, None),
    ],
)
def test_the_verdict_goes_by_googles_reason(
    status: int, word: str, details: dict[str, Any], kind: type, after: float | None
) -> None:
    outcome = plugin.read_batch(refused(status, word, details), [{}])
    assert isinstance(outcome, kind)
    assert getattr(outcome, "after", None) == after


@pytest.mark.parametrize(
    "wrong",
    [
        "no json", "[]", "{}", json.dumps(KEY | {"private_key": "none"}), "[" * 100_000,
        json.dumps(KEY | {"private_key": ec.generate_private_key(ec.SECP256R1()).private_bytes(*FORMAT).decode()}),
    ],
)  # fmt: skip
def test_a_service_account_is_the_json_of_its_key(wrong: str) -> None:
    with pytest.raises(ValidationError, match="service account's key"):
        load_settings(GoogleDataManager, GIVEN | {"service_account": wrong})
