"""Braze: the very requests, whom they are about, and a verdict for each."""

import json
from typing import Any, ClassVar

import pytest

from destinations.braze import Braze
from ours.plugin import (
    Delivered,
    Delivery,
    Rejected,
    Retry,
    Skipped,
    Split,
    Unauthorized,
    Unknown,
    ValidationError,
    load_settings,
)
from ours.plugin.testing import DestinationContract
from ours.plugin.testing.doubles import Call
from ours.plugin.testing.doubles.braze import BrazeDouble
from ours.plugin.testing.exchange import answer
from tests.destinations.asking import NO_ORDER_IDS, delivery_to

GIVEN = {"api_key": "a-key-for-tests", "endpoint": "https://rest.fra-01.braze.eu"}
EVENT, BOUGHT, PERSON = {"events": {}}, {"purchases": {}}, {"attributes": {}}


class TestBraze(DestinationContract):
    destination = Braze
    settings: ClassVar = GIVEN


def delivery(*words: Any, **changes: Any) -> Delivery:
    return delivery_to(Braze, GIVEN, *words, **changes)


def item(*args: Any, **changes: Any) -> Any:
    return Braze().item(delivery(*args, **changes))


def with_settings(settings: dict[str, Any], *words: Any) -> Any:
    return Braze().item(delivery_to(Braze, {**GIVEN, **settings}, *words))


def test_a_purchase_is_an_event_unless_a_product_is_mapped() -> None:
    event = {
        "external_id": "customer-7",
        "name": "Order Completed",
        "time": "2026-11-18T11:06:35.000Z",
        "properties": {"value": 129.9, "currency": "EUR", "order_id": "1001"},
    }
    assert item() == {"events": event}
    bought = {
        "external_id": "customer-7",
        "product_id": "Shoe",
        "price": 129.9,
        "currency": "EUR",
        "quantity": 1,
        "time": "2026-11-18T11:06:35.000Z",
        "properties": {"order_id": "1001"},
    }
    assert item(fields={"product_id": " Shoe "}) == {"purchases": bought}
    assert item(fields={"product_id": 7, "quantity": "2"})["purchases"]["quantity"] == 2


def test_what_a_bag_holds_is_no_price_currency_or_quantity() -> None:
    bag = {"value": 5, "currency": "dollars", "quantity": "many", "size": "L"}
    given = {"product_id": "Shoe", "properties": bag, "order_id": None}
    made = item(fields=given)["purchases"]
    assert (made["price"], made["currency"], made["quantity"], made["properties"]) == (129.9, "EUR", 1, {"size": "L"})
    assert item(fields=given | {"value": None}).code == "no_value"


def test_each_goes_into_its_list_of_the_request() -> None:
    items = [{"events": {"name": "A"}}, {"attributes": {"a": 1}}, {"events": {"name": "B"}}, {"purchases": {"p": 1}}]
    request = Braze().pack(items, load_settings(Braze, GIVEN))
    ready = request.prepare()
    assert (ready.method, ready.url) == ("POST", "https://rest.fra-01.braze.eu/users/track")
    assert ready.headers["Authorization"] == "Bearer a-key-for-tests"
    assert json.loads(request.data) == {
        "events": [{"name": "A"}, {"name": "B"}],
        "attributes": [{"a": 1}],
        "purchases": [{"p": 1}],
    }


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ({"braze_id": "b-1", "external_id": "7"}, {"braze_id": "b-1"}),
        ({"external_id": 7.0, "email": "jane@example.com"}, {"external_id": "7"}),
        ({"external_id": "null", "email": " Jane@Example.com "}, {"email": "jane@example.com"}),
        ({"email": "no address", "phone": "+1 (415) 555-0100"}, {"phone": "+14155550100"}),
    ],
)
def test_only_the_first_identifier_that_can_be_read_leaves(given: dict[str, Any], known: dict[str, str]) -> None:
    event = item("minimal", given)["events"]
    assert {name: one for name, one in event.items() if name in ("braze_id", "external_id", "email", "phone")} == known


@pytest.mark.parametrize("sample", ["lead", "minimal"])
def test_an_event_of_nobody_is_rejected(sample: str) -> None:
    assert item(sample).code == "no_identifier"
    assert item(sample, {"external_id": "anonymous", "email": "x", "phone": "415 555 0100"}).code == "no_identifier"


def test_a_number_without_its_country_is_read_as_of_the_region() -> None:
    assert with_settings({"phone_region": "us"}, "minimal", {"phone": "415 555 0100"})["events"]["phone"] == (
        "+14155550100"
    )


def test_the_app_is_named_and_strangers_are_left_out_where_the_settings_say_so() -> None:
    settings = {"app_id": "11ae5b4b-2445-4440-a04f-bf537764c9ad", "existing_only": True}
    event = with_settings(settings)["events"]
    assert (event["app_id"], event["_update_existing_only"]) == (settings["app_id"], True)
    person = with_settings(settings, "identify", {"attribute.plan": "gold"})["attributes"]
    assert person == {"external_id": "customer-9", "plan": "gold", "_update_existing_only": True}


def test_properties_are_the_bags_and_the_mapped_ones_as_braze_takes_them() -> None:
    bag = {"size": "L" * 300, "$own": 1, "": 1, "n" * 256: 1, "m" * 255: 1, "none": None, "order_id": "0",
           "list": [1, {"a": None}]}  # fmt: skip
    assert item(fields={"properties": bag, "attribute.plan": "gold"})["events"]["properties"] == {
        "size": "L" * 255,
        "m" * 255: 1,
        "list": [1, {"a": None}],
        "order_id": "1001",
        "value": 129.9,
        "currency": "EUR",
    }
    assert item(fields={"$own": 1}).code == item(fields={"n" * 256: 1}).code == "invalid_property"


@pytest.mark.parametrize("order_id", NO_ORDER_IDS)
def test_a_property_may_be_anything(order_id: Any) -> None:
    assert item(fields={"order_id": order_id})["events"]["properties"]["order_id"] == order_id


@pytest.mark.parametrize(
    ("field", "came"), [("value", "12,50"), ("value", [1]), ("currency", "Euro"), ("quantity", 1.5)]
)
def test_what_was_given_and_cannot_be_read_is_rejected(field: str, came: Any) -> None:
    rejected = item(fields={field: came})
    assert (rejected.code, rejected.field) == (f"invalid_{field}", field)


def test_what_braze_would_refuse_is_rejected_here() -> None:
    assert item(fields={"name": None}).code == "no_name"
    assert item(fields={"name": "x" * 256}).code == "invalid_name"
    assert item(fields={"properties": {f"p{n}": "x" * 255 for n in range(200)}}).code == "too_large"
    for quantity in (0, -1, 101):
        assert item(fields={"product_id": "Shoe", "quantity": quantity}).code == "invalid_quantity"
    for missing in ("value", "currency"):
        rejected = item(fields={"product_id": "Shoe", missing: None})
        assert (rejected.code, rejected.field) == (f"no_{missing}", missing)
    assert item(fields={"product_id": "Shoe", "value": 0})["purchases"]["price"] == 0


def test_an_identify_updates_the_person_with_what_is_mapped_and_nothing_else() -> None:
    assert item("identify") == Skipped("nothing_to_set", "Map what Braze may know of the person: attribute.plan, say.")
    given = {
        "email": "Jane@example.com", "phone": "+33 1 99 00 12 34", "attribute.first_name": " Jane ", "plan": "silver",
        "attribute.dob": "19900228", "attribute.gender": "Female", "attribute.country": "uk", "attribute.plan": "gold",
        "properties": {"a": 1},
    }  # fmt: skip
    assert item("identify", given) == {
        "attributes": {
            "external_id": "customer-9",
            "email": "jane@example.com",
            "phone": "+33199001234",
            "first_name": "Jane",
            "dob": "1990-02-28",
            "gender": "F",
            "country": "GB",
            "plan": "gold",
        }
    }
    by_email = item("identify", {"external_id": None, "email": "jane@example.com"})
    assert by_email == {"attributes": {"email": "jane@example.com"}}


@pytest.mark.parametrize(("said", "letter"), [("f", "F"), ("M", "M"), ("other", "O"), ("Prefer not to say", "P")])
def test_a_gender_is_one_of_five_letters(said: Any, letter: str) -> None:
    assert item("identify", {"attribute.gender": said})["attributes"]["gender"] == letter


@pytest.mark.parametrize(
    ("field", "came"), [("dob", "28.02.1990"), ("gender", "x"), ("country", "France"), ("first_name", {"a": 1})]
)
def test_an_attribute_of_brazes_that_cannot_be_read_is_rejected(field: str, came: Any) -> None:
    rejected = item("identify", {f"attribute.{field}": came})
    assert (rejected.code, rejected.field) == (f"invalid_attribute_{field}", f"attribute.{field}")


def test_what_is_null_inside_an_attribute_is_left_out_or_others_would_lose_theirs() -> None:
    bag = {"size": None, "list": [1, None, {"a": None, "b": "x" * 300}]}
    made = item("identify", {"attribute.bag": bag})["attributes"]
    assert made["bag"] == {"list": [1, {"b": "x" * 255}]}


@pytest.mark.parametrize("name", ["$own", "n" * 256, "external_id", "braze_id", "_update_existing_only"])
def test_no_attribute_can_say_whom_it_is_about(name: str) -> None:
    rejected = item("identify", {f"attribute.{name}": "mallory", "external_id": None, "email": "jane@example.com"})
    assert (rejected.code, rejected.field) == ("invalid_attribute", name)


@pytest.mark.parametrize("said", [False, "no", "DENIED", 0, "perhaps", {}])
def test_who_did_not_consent_is_unsubscribed(said: Any) -> None:
    no = {"email_subscribe": "unsubscribed", "push_subscribe": "unsubscribed"}
    assert item("identify", {"marketing_consent": said})["attributes"] == {"external_id": "customer-9", **no}


@pytest.mark.parametrize("said", [True, "yes", "granted", "", None])
def test_who_consented_is_not_subscribed_anew(said: Any) -> None:
    made = item("identify", {"marketing_consent": said, "attribute.plan": "gold"})["attributes"]
    assert made == {"external_id": "customer-9", "plan": "gold"}


def test_settings_that_can_not_be_sent_are_refused() -> None:
    for wrong in ({"api_key": "clé"}, {"endpoint": "rest"}, {"endpoint": None}, {"app_id": "a b"}):
        with pytest.raises(ValidationError):
            load_settings(Braze, {**GIVEN, **wrong})


def read(status: int, said: Any, *items: Any, headers: dict[str, str] | None = None) -> Any:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return Braze().read_batch(answer(status, body, headers), items or [EVENT] * 3)


def fault(kind: Any, index: Any, said: Any = "No.") -> dict[str, Any]:
    return {"type": said, "input_array": kind, "index": index}


def test_the_wrong_ones_are_rejected_by_list_and_place_and_the_others_are_there() -> None:
    said = {"message": "success", "events_processed": 1, "purchases_processed": 0, "attributes_processed": 1,
            "errors": [fault("events", 1), fault("purchases", 0, "'price' is wrong"), fault("events", 1)]}  # fmt: skip
    assert read(201, said, EVENT, PERSON, BOUGHT, EVENT) == [
        Delivered(),
        Delivered(),
        Rejected("refused", "'price' is wrong"),
        Rejected("refused", "No."),
    ]


@pytest.mark.parametrize(
    "error",
    [{}, "minor", None, fault("events", 3), fault("events", -1), fault("events", True), fault("events", "1"),
     fault("purchases", 0), fault(None, 0), fault([], 0)],
)  # fmt: skip
def test_of_a_success_with_an_error_that_names_none_nobody_knows_the_rest(error: Any) -> None:
    said = {"message": "success", "errors": [fault("events", 1), error]}
    assert [type(one) for one in read(201, said)] == [Unknown, Rejected, Unknown]


def test_errors_that_are_no_list_name_none() -> None:
    assert {type(one) for one in read(201, {"message": "success", "errors": {"a": 1}})} == {Unknown}


def test_where_fewer_events_are_counted_than_were_sent_nobody_knows_which() -> None:
    few = {"message": "success", "events_processed": 1, "attributes_processed": 0}
    assert [type(one) for one in read(201, few, EVENT, PERSON, EVENT)] == [Unknown, Delivered, Unknown]
    assert [type(one) for one in read(201, few, EVENT, PERSON)] == [Delivered, Delivered]


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (200, {"message": "hello"}, Unknown),
        (200, {}, Unknown),
        (200, {"message": "queued"}, Unknown),
        (204, b"", Unknown),
        (201, b"<html>", Unauthorized),
        (400, {"message": "Max Input Length Exceeded"}, Split),
        (400, {}, Split),
        (400, b"<html>", Unauthorized),
        (422, {}, Split),
        (401, {"message": "Invalid API key"}, Unauthorized),
        (403, b"", Unauthorized),
        (404, {"message": "Not Found"}, Unauthorized),
        (308, b"", Unauthorized),
        (429, {"message": "Rate limited"}, Retry),
        (500, {"message": "success"}, Retry),
        (503, b"<html>", Retry),
    ],
)
def test_the_verdicts(status: int, said: Any, kind: type) -> None:
    assert isinstance(read(status, said), kind)


def test_of_a_request_that_was_refused_whole_the_named_are_rejected_and_the_others_go_again() -> None:
    said = {"message": "Valid data must be provided", "errors": [fault("events", 0), fault("events", 2)]}
    assert [type(one) for one in read(400, said)] == [Rejected, Split, Rejected]
    assert read(400, {"message": "Bad Request"}, EVENT) == Rejected("http_400", "Bad Request")


def test_a_throttle_lasts_as_long_as_braze_says() -> None:
    said = read(429, b"", headers={"X-RateLimit-Retry-After": "17", "X-RateLimit-Reset": "1895435230"})
    assert said == Retry("http_429", "The destination answered 429.", 17.0, throttle=True)


def call(body: Any, path: str = "/users/track", **headers: str) -> Call:
    return Call("POST", path, {}, {"Authorization": "Bearer a-key"} | headers, json.dumps(body).encode(), body)


FINE = {"external_id": "7", "name": "A", "time": "2026-11-18T11:06:35.000Z"}
SHOE = {"external_id": "7", "product_id": "Shoe", "price": 1.5, "currency": "EUR", "time": FINE["time"]}


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("events", {"external_id": ""}),
        ("events", {"name": ""}),
        ("events", {"name": "x" * 256}),
        ("events", {"time": "yesterday"}),
        ("events", {"properties": []}),
        ("events", {"properties": {"$own": 1}}),
        ("events", {"properties": {"a": "x" * 256}}),
        ("events", {"properties": {"a": ["x" * 50_000]}}),
        ("purchases", {"product_id": None}),
        ("purchases", {"price": "1.5"}),
        ("purchases", {"currency": "Euro"}),
        ("purchases", {"quantity": 101}),
    ],
)
def test_the_double_names_what_is_wrong_and_takes_the_rest(kind: str, change: dict[str, Any]) -> None:
    fine = FINE if kind == "events" else SHOE
    with BrazeDouble() as vendor:
        said = vendor.take(call({kind: [fine, {**fine, **change}]}))
    assert (said.status, len(vendor.kept), said.body[f"{kind}_processed"]) == (201, 1, 1)
    assert [(one["input_array"], one["index"]) for one in said.body["errors"]] == [(kind, 1)]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"events": {}}, 400),
        ({"events": [FINE], "strange": []}, 400),
        ({"events": [FINE] * 40, "attributes": [{"external_id": "7"}] * 36}, 400),
        ({"events": [{}]}, 400),
        ({"events": [FINE] * 40, "attributes": [{"external_id": "7"}] * 35}, 201),
    ],
)
def test_the_double_refuses_a_whole_request_as_braze_would(body: Any, status: int) -> None:
    with BrazeDouble() as vendor:
        assert vendor.take(call(body)).status == status


def test_the_double_lets_nobody_in_otherwise_and_keeps_a_repeat() -> None:
    with BrazeDouble() as vendor:
        assert vendor.take(call({}, Authorization="Bearer another")).status == 401
        assert vendor.take(call({}, "/users/delete")).status == 404
        for _ in range(2):
            assert vendor.take(call({"events": [FINE]})).body == {"message": "success", "events_processed": 1}
    assert len(vendor.kept) == 2


def test_the_double_drops_all_nested_attributes_of_a_request_for_one_null() -> None:
    people = [{"external_id": "7", "bag": {"a": None}}, {"external_id": "8", "bag": {"a": 1}, "plan": "gold"}]
    with BrazeDouble() as vendor:
        vendor.take(call({"attributes": people}))
    assert vendor.people["8"] == {"external_id": "8", "plan": "gold"}
