"""Meta's Conversions API: the very requests, the hashes that Meta publishes, and its codes."""

import json
from typing import Any, ClassVar

import pytest

from destinations.meta import Meta
from ours.plugin import Delivered, Rejected, Retry, Skipped, Unauthorized, Unknown, load_settings
from ours.plugin.testing import DestinationContract, sample_delivery, sample_event
from ours.plugin.testing.exchange import answer
from ours.plugin.testing.samples import NOW
from tests.destinations.asking import NO_ORDER_IDS, ByDistinctId, delivery_to, sha256

GIVEN = {"dataset_id": "123456789012345", "access_token": "a-token-for-tests"}
PERSON = {
    "email": " Jane@Example.com ", "first_name": "Zoë", "last_name": " O'Neil", "phone_number": "0033 6 12 34 56 78",
    "city": "St. Denis", "state": "CA", "zip": "94105-1234", "country": "US", "fbp": "fb.1.1.AbC", "fbclid": "IwAR0X",
}  # fmt: skip


class TestMeta(ByDistinctId, DestinationContract):
    destination = Meta
    settings: ClassVar = GIVEN


class TestMetaFromABackend(ByDistinctId, DestinationContract):
    destination = Meta
    settings: ClassVar = {**GIVEN, "action_source": "system_generated", "external_id_key": "a-key-for-tests"}


def item(sample: str = "purchase", fields: dict[str, Any] | None = None, **settings: Any) -> Any:
    person = {"user_properties": PERSON} if sample == "purchase" else {}
    return Meta().item(delivery_to(Meta, GIVEN | settings, sample, fields, **person))


def test_a_purchase_hashes_whom_it_names_as_meta_does() -> None:
    assert item() == {
        "event_name": "Order Completed",
        "event_time": (NOW - 5_000) // 1000,
        "event_id": "order-1001",
        "action_source": "website",
        "event_source_url": "https://shop.example.com/",
        "user_data": {
            "em": sha256("jane@example.com"),
            "ph": sha256("33612345678"),
            "fn": sha256("zoë"),
            "ln": sha256("oneil"),
            "ct": sha256("stdenis"),
            "st": sha256("ca"),
            "zp": sha256("94105"),
            "country": sha256("us"),
            "external_id": sha256("customer-7"),
            "client_user_agent": "Mozilla/5.0",
            "fbp": "fb.1.1.AbC",
            "fbc": f"fb.1.{NOW - 5_000}.IwAR0X",
        },
        "custom_data": {"value": 129.9, "currency": "EUR", "order_id": "1001"},
    }


def test_a_request_carries_the_token_in_a_header_and_the_code_once() -> None:
    values = load_settings(Meta, GIVEN | {"test_event_code": "TEST1"})
    request = Meta().pack([{"event_name": "a"}, {"event_name": "b"}], values)
    assert request.url == "https://graph.facebook.com/v26.0/123456789012345/events"
    assert request.headers["Authorization"] == "Bearer a-token-for-tests"
    assert json.loads(request.data) == {
        "data": [{"event_name": "a"}, {"event_name": "b"}], "test_event_code": "TEST1",
    }  # fmt: skip


def test_an_identify_is_no_conversion() -> None:
    assert isinstance(item("identify", action_source="other"), Skipped)


def test_a_lead_is_matched_by_its_phone_number() -> None:
    lead = item("lead", action_source="system_generated")
    assert lead["user_data"] == {"ph": sha256("33199001234"), "fn": sha256("zoë")}
    assert lead["event_id"] == "lead-2002"


def test_an_event_whose_id_is_not_mapped_still_has_one_that_repeats_share() -> None:
    values = load_settings(Meta, GIVEN)
    fields = {"event_name": "Lead", "email": "jane@example.com", "action_source": "system_generated"}
    tries = [sample_delivery(settings=values, fields=fields, attempt=number) for number in (1, 2)]
    assert {Meta().item(one)["event_id"] for one in tries} == {tries[0].id}


def test_a_minimal_event_matches_nobody_and_is_rejected_here() -> None:
    assert item("minimal").code == "no_user_data"


def test_the_hash_of_an_email_stands_in_where_the_email_is_not_known() -> None:
    known = sample_event().email_sha256
    assert item(fields={"email": None})["user_data"]["em"] == known
    assert item(fields={"email": known.upper() if known else ""})["user_data"]["em"] == known


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"event_name": None}, "no_event_name"),
        ({"client_user_agent": None}, "no_client_user_agent"),
        ({"event_source_url": "not an address"}, "no_event_source_url"),
        ({"event_name": "Purchase", "value": None}, "no_value"),
        ({"event_name": "Purchase", "currency": None}, "no_value"),
        ({"event_name": "Lead", "currency": "euro"}, "invalid_currency"),
        ({"event_name": "Lead", "value": "a lot"}, "invalid_value"),
        ({"event_name": "Lead", "predicted_ltv": True}, "invalid_predicted_ltv"),
    ],
)
def test_what_would_spoil_a_whole_request_is_rejected_here(fields: dict[str, Any], code: str) -> None:
    outcome = item(fields=fields)
    assert isinstance(outcome, Rejected)
    assert outcome.code == code


def test_an_order_id_that_came_as_a_number_leaves_as_text() -> None:
    for number in (1001, 1001.0):
        assert item(fields={"order_id": number})["custom_data"]["order_id"] == "1001"


@pytest.mark.parametrize("odd", NO_ORDER_IDS)
def test_an_order_id_that_is_no_text_is_rejected_here_and_an_empty_one_left_out(odd: Any) -> None:
    said = "What is mapped to order_id can't be read as a text."
    assert item(fields={"order_id": odd}) == Rejected("invalid_order_id", said, "order_id")
    assert "order_id" not in item(fields={"order_id": ""})["custom_data"]


def test_settings_and_mapping_decide_on_privacy() -> None:
    changed = item(
        fields={"opt_out": True, "content_category": "shoes", "action_source": "chat"},
        url_detail="full", limited_data_use="true", external_id_key="key",
    )  # fmt: skip
    assert changed["event_source_url"] == "https://shop.example.com/?utm_source=news"
    assert changed["data_processing_options"] == ["LDU"]
    assert changed["opt_out"] is True
    assert changed["action_source"] == "chat"
    assert changed["custom_data"]["content_category"] == "shoes"
    assert changed["user_data"]["external_id"] != sha256("customer-7")


def test_a_state_that_is_written_out_has_the_hash_of_its_two_letters() -> None:
    assert item(fields={"state": "California"})["user_data"]["st"] == sha256("ca")
    assert item(fields={"state": "Georgia", "country": "GB"})["user_data"]["st"] == sha256("georgia")


def test_an_external_id_has_the_hash_that_the_pixel_gives_it() -> None:
    fields = {"external_id": " Customer-7A "}
    assert item(fields=fields)["user_data"]["external_id"] == sha256("customer-7a")


@pytest.mark.parametrize("said", [True, "Yes", 1, "given", "opted out", ["x"]])
def test_whoever_objects_is_opted_out_however_it_is_spelt(said: object) -> None:
    assert item(fields={"opt_out": said})["opt_out"] is True


@pytest.mark.parametrize("said", [None, "", False, "no", 0])
def test_whoever_does_not_object_is_not_opted_out(said: object) -> None:
    event = item(fields={"opt_out": said})
    assert "opt_out" not in event
    assert "opt_out" not in event["custom_data"]


def error(**parts: Any) -> bytes:
    return json.dumps({"error": {"message": "Said.", "type": "OAuthException"} | parts}).encode()


@pytest.mark.parametrize(
    ("status", "said", "expected"),
    [
        (400, error(code=1), Retry("meta_1", "Said.")),
        (400, error(code=2, is_transient=True), Retry("meta_2", "Said.")),
        (400, error(code=100, error_subcode=2804003), Rejected("meta_100_2804003", "Said.")),
        (400, error(code=100, error_subcode=33), Unauthorized("meta_100_33", "Said.")),
        (400, error(code=190, error_subcode=463), Unauthorized("meta_190_463", "Said.")),
        (403, error(code=200), Unauthorized("meta_200", "Said.")),
        (400, error(code=2500), Unauthorized("meta_2500", "Said.")),
        (400, error(code=2635), Unauthorized("meta_2635", "Said.")),
        (404, error(code=803), Unauthorized("meta_803", "Said.")),
        (400, error(code=17), Retry("meta_17", "Said.", throttle=True)),
        (400, error(code=80004), Retry("meta_80004", "Said.", throttle=True)),
        (400, error(code=100, is_transient=True), Retry("meta_100", "Said.")),
        (500, error(code=99), Retry("meta_99", "Said.")),
        (502, b"<html>Bad Gateway</html>", Retry("http_502", "The destination answered 502.")),
        (400, b"{}", Rejected("http_400", "The destination answered 400.")),
        (200, b'{"events_received": 1, "messages": [], "fbtrace_id": "Axyz"}', Delivered("Axyz")),
    ],
)
def test_the_verdict_goes_by_metas_code_and_not_by_the_status(status: int, said: bytes, expected: object) -> None:
    assert Meta().read_batch(answer(status, said), [{}]) == expected


def test_it_waits_as_long_as_meta_says() -> None:
    usage = {"X-Business-Use-Case-Usage": '{"1": [{"type": "a", "estimated_time_to_regain_access": 3}]}'}
    assert Meta().read_batch(answer(400, error(code=4), usage), [{}]) == Retry("meta_4", "Said.", 180.0, throttle=True)
    for odd in ("", "{}", "[]", '{"1": 5}', '{"1": [{}]}', '{"1": []}'):
        outcome = Meta().read_batch(answer(400, error(code=4), {"X-Business-Use-Case-Usage": odd}), [{}])
        assert outcome == Retry("meta_4", "Said.", throttle=True)


def test_a_count_that_differs_leaves_all_unknown() -> None:
    outcome = Meta().read_batch(answer(200, b'{"events_received": 1}'), [{}, {}])
    assert isinstance(outcome, Unknown)
