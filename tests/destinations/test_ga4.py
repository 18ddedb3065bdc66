"""Google Analytics 4: the very requests, and what Google would say of them before they leave."""

import json
from typing import Any, ClassVar

import pytest

from destinations.ga4 import GA4
from ours.plugin import Delivered, Rejected, Request, Retry, Unauthorized, ValidationError, load_settings
from ours.plugin.testing import DestinationContract, sample_delivery, sample_event
from ours.plugin.testing.exchange import answer
from ours.plugin.testing.samples import NOW
from tests.destinations.asking import sha256

GIVEN = {"measurement_id": "G-AB12CD34EF", "api_secret": "a-secret-for-tests"}
MAPPED = GA4.default_mapping


class TestGA4(DestinationContract):
    destination = GA4
    settings: ClassVar = GIVEN
    secrets_in_url = True  # Google takes it nowhere else


def build(sample: str = "purchase", mapping: dict[str, str] | None = None, **settings: Any) -> Any:
    values = load_settings(GA4, GIVEN | settings)
    return GA4().build(sample_delivery(sample, mapping={**MAPPED, **(mapping or {})}, settings=values))


def body(built: Any) -> Any:
    assert isinstance(built, Request), built
    return json.loads(built.data)


def test_a_purchase_names_nobody_and_no_page() -> None:
    request = build()
    assert str(request.prepare().url) == (
        "https://www.google-analytics.com/mp/collect?measurement_id=G-AB12CD34EF&api_secret=a-secret-for-tests"
    )
    assert body(request) == {
        "client_id": sha256("019a0000000070008000000000000101"),
        "timestamp_micros": (NOW - 5_000) * 1000,
        "events": [
            {
                "name": "order_completed",
                "params": {"engagement_time_msec": 1, "value": 129.9, "currency": "EUR", "transaction_id": "1001"},
            }
        ],
    }


@pytest.mark.parametrize(
    ("sample", "name"), [("lead", "lead_created"), ("identify", "identify"), ("minimal", "pinged")]
)
def test_a_lead_an_identify_and_a_minimal_event(sample: str, name: str) -> None:
    [event] = body(build(sample))["events"]
    assert event == {"name": name, "params": {"engagement_time_msec": 1}}


@pytest.mark.parametrize("secret", ['"a-secret"', "Bearer a-secret", "a secret", "api_secret=x"])
def test_a_secret_that_google_would_take_and_drop_all_events_of_is_refused(secret: str) -> None:
    with pytest.raises(ValidationError, match="Must be the secret alone"):
        load_settings(GA4, GIVEN | {"api_secret": secret})


def test_an_order_id_that_came_as_a_number_leaves_as_text() -> None:
    values, mapped = load_settings(GA4, GIVEN), sample_delivery(mapping=MAPPED).fields
    [event] = body(GA4().build(sample_delivery(settings=values, fields=mapped | {"transaction_id": 1001})))["events"]
    assert event["params"]["transaction_id"] == "1001"


@pytest.mark.parametrize("empty", ["", "  "])
def test_purchases_with_an_empty_order_id_are_not_taken_for_one(empty: str) -> None:
    """Google drops every purchase but the first of those whose transaction id is the empty text."""
    [event] = body(with_fields(transaction_id=empty))["events"]
    assert "transaction_id" not in event["params"]


def test_what_the_operator_maps_goes_where_google_wants_it() -> None:
    mapping = {
        "name": "purchase", "user_id": "{{event.external_id}}", "email": "{{visitor.email}}", "phone": "0033612345678",
        "first_name": "Zoë", "last_name": "O'Neil", "city": "{{visitor.city}}", "country": "FR",
        "ad_user_data": "granted", "ad_personalization": "withdrawn", "plan": "gold",
        "items": "{{event.event_properties.items}}",
        "user_property.plan": "{{visitor.custom_properties.plan}}",
    }  # fmt: skip
    sent = body(build(mapping=mapping, debug_mode="true"))
    assert sent["user_id"] == "customer-7"
    assert sent["user_properties"] == {"plan": {"value": "gold"}}
    assert sent["consent"] == {"ad_user_data": "GRANTED", "ad_personalization": "DENIED"}
    assert sent["user_data"] == {
        "sha256_email_address": [sha256("jane@example.com")],
        "sha256_phone_number": [sha256("+33612345678")],
        "address": [
            {"sha256_first_name": sha256("zoë"), "sha256_last_name": sha256("oneil"), "city": "lyon", "country": "FR"}
        ],
    }
    [event] = sent["events"]
    assert event["name"] == "purchase"
    assert event["params"]["plan"] == "gold"
    assert event["params"]["debug_mode"] == 1
    assert event["params"]["items"] == sample_event().event_properties["items"]


def test_the_engagement_time_is_a_whole_number() -> None:
    assert b'"engagement_time_msec":1,' in build().data


def test_names_and_places_are_written_as_google_analytics_writes_them() -> None:
    sent = with_fields(
        first_name=" John2 ", last_name="O'Neil-Smith", city=" St. Denis 93 ", region="Île-de-France",
        postal_code=" SW1A 1AA ", country="gb",
    )  # fmt: skip
    assert body(sent)["user_data"]["address"] == [
        {
            "sha256_first_name": sha256("john"),
            "sha256_last_name": sha256("oneilsmith"),
            "city": "st denis",
            "region": "îledefrance",
            "postal_code": "SW1A 1AA",
            "country": "GB",
        }
    ]
    assert "country" not in body(with_fields(city="Paris", country="France"))["user_data"]["address"][0]


def with_fields(**fields: Any) -> Any:
    values = load_settings(GA4, GIVEN)
    base = {"name": "x", "client_id": "c"}
    return GA4().build(sample_delivery(settings=values, fields=base | fields))


@pytest.mark.parametrize("empty", [[], {}])
def test_a_parameter_that_is_empty_costs_no_event(empty: Any) -> None:
    assert "coupons" not in body(with_fields(params={"coupons": empty}))["events"][0]["params"]


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"client_id": None}, "VALUE_REQUIRED", "client_id"),
        ({"name": ""}, "VALUE_REQUIRED", "events[0].name"),
        ({"value": 5}, "VALUE_REQUIRED", "events[0].params.currency"),
        ({"value": "12,50", "currency": "EUR"}, "VALUE_INVALID", "events[0].params.value"),
        ({"value": 5, "currency": "Euro"}, "VALUE_INVALID", "events[0].params.currency"),
        ({"name": "1st order"}, "NAME_INVALID", "events[0].name"),
        ({"a.b": 1}, "NAME_INVALID", "events[0].params.a.b"),
        ({"é": 1}, "NAME_INVALID", "events[0].params.é"),
        ({"name": "session_start"}, "NAME_RESERVED", "events[0].name"),
        ({"google_x": 1}, "NAME_RESERVED", "events[0].params.google_x"),
        ({"user_property.ga_x": "1"}, "NAME_RESERVED", "user_properties.ga_x"),
        ({"name": "n" * 41}, "VALUE_OUT_OF_BOUNDS", "events[0].name"),
        ({"text": "t" * 101}, "VALUE_OUT_OF_BOUNDS", "events[0].params.text"),
        ({"user_property.plan": "p" * 37}, "VALUE_OUT_OF_BOUNDS", "user_properties.plan"),
        ({"params": {f"p{number}": 1 for number in range(26)}}, "EXCEEDED_MAX_ENTITIES", "events[0].params"),
        ({"bag": {"a": 1}}, "VALUE_INVALID", "events[0].params.bag"),
        ({"items": ["a"]}, "VALUE_INVALID", "events[0].params.items"),
        ({"a": 1, "params": {"a": 2}}, "NAME_DUPLICATED", "a"),
    ],
)
def test_what_google_would_drop_is_rejected_with_its_own_code(fields: dict[str, Any], code: str, field: str) -> None:
    outcome = with_fields(**fields)
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.field) == (code, field)


def test_what_is_within_the_limits_passes() -> None:
    bag = {f"p{number}": "v" * 100 for number in range(24)} | {"page_location": "https://a.example/" + "p" * 900}
    assert isinstance(with_fields(params=bag, name="n" * 40), Request)
    big = {"items": [{"item_name": "i" * 1000}] * 140}
    assert with_fields(**big).code == "VALUE_OUT_OF_BOUNDS"


def test_the_validation_server_is_asked_instead_and_its_words_are_the_verdict() -> None:
    assert "/debug/mp/collect?" in str(build(validate_only="true").prepare().url)
    said = b'{"validationMessages": [{"fieldPath": "events", "description": "No.", "validationCode": "VALUE_INVALID"}]}'
    assert GA4().read(answer(200, said)) == Rejected("VALUE_INVALID", "No.", "events")
    assert isinstance(GA4().read(answer(200, b'{"validationMessages": []}')), Delivered)


@pytest.mark.parametrize(("status", "kind"), [(204, Delivered), (200, Delivered), (400, Rejected), (404, Unauthorized),
                                              (429, Retry), (500, Retry), (302, Unauthorized)])  # fmt: skip
def test_the_verdicts(status: int, kind: type) -> None:
    assert isinstance(GA4().read(answer(status)), kind)


@pytest.mark.parametrize("wrong", ["UA-123-1", "G-", "g-ab12cd34ef"])
def test_a_measurement_id_is_one_of_a_web_stream(wrong: str) -> None:
    with pytest.raises(ValidationError, match=r"G-AB12CD34EF|stream"):
        load_settings(GA4, GIVEN | {"measurement_id": wrong})
