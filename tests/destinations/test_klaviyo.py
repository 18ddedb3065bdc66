"""Klaviyo: the very requests, whom they are about, and what is read in its answers."""

import json
from typing import Any, ClassVar

import pytest
from requests import Request

from destinations.klaviyo import Klaviyo
from ours.plugin import (
    Delivered,
    Delivery,
    Rejected,
    Retry,
    Skipped,
    Unauthorized,
    Unknown,
    ValidationError,
    load_settings,
)
from ours.plugin.testing import DestinationContract
from ours.plugin.testing.doubles import Call
from ours.plugin.testing.doubles.klaviyo import KlaviyoDouble
from ours.plugin.testing.exchange import answer
from tests.destinations.asking import NO_ORDER_IDS, ByDistinctId, delivery_to

GIVEN = {"private_key": "pk_a-key-for-tests"}
WHO = {"email": "jane@example.com"}
PROFILE = {"data": {"type": "profile", "id": "01GDDKASAP8TKDDA2GRZDSVP4H", "attributes": {}}}


class TestKlaviyo(ByDistinctId, DestinationContract):
    destination = Klaviyo
    settings: ClassVar = GIVEN


def delivery(*words: Any, **changes: Any) -> Delivery:
    return delivery_to(Klaviyo, GIVEN, *words, **changes)


def built(*args: Any, **changes: Any) -> Any:
    return Klaviyo().build(delivery(*args, **changes))


def sent(*args: Any, **changes: Any) -> dict[str, Any]:
    """The attributes of what is sent."""
    request = built(*args, **changes)
    assert isinstance(request, Request), request
    attributes: dict[str, Any] = json.loads(request.data)["data"]["attributes"]
    return attributes


def person(*args: Any, **changes: Any) -> Any:
    return sent(*args, **changes)["profile"]["data"]["attributes"]


def test_a_purchase_is_an_event_of_a_metric_and_a_profile() -> None:
    request = built()
    ready = request.prepare()
    assert (ready.method, ready.url) == ("POST", "https://a.klaviyo.com/api/events")
    assert ready.headers["Authorization"] == "Klaviyo-API-Key pk_a-key-for-tests"
    assert ready.headers["revision"] == "2026-07-15"
    assert ready.headers["Content-Type"] == "application/vnd.api+json"
    assert json.loads(request.data) == {
        "data": {
            "type": "event",
            "attributes": {
                "properties": {"order_id": "1001"},
                "time": "2026-11-18T11:06:35.000Z",
                "unique_id": "order-1001",
                "value": 129.9,
                "value_currency": "EUR",
                "metric": {"data": {"type": "metric", "attributes": {"name": "Order Completed"}}},
                "profile": {
                    "data": {
                        "type": "profile",
                        "attributes": {"email": "jane@example.com", "external_id": "customer-7"},
                    }
                },
            },
        }
    }


def test_another_revision_and_address_are_asked_where_the_settings_say_so() -> None:
    settings = {**GIVEN, "revision": "2026-10-15.pre", "endpoint": "https://gateway.example.com/klaviyo/"}
    request = Klaviyo().build(delivery_to(Klaviyo, settings))
    assert isinstance(request, Request)
    assert request.url == "https://gateway.example.com/klaviyo/api/events"
    assert request.headers["revision"] == "2026-10-15.pre"


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ({"email": " Jane.Doe+x@Example.COM "}, {"email": "jane.doe+x@example.com"}),
        ({"phone": "+1 (415) 555-0100"}, {"phone_number": "+14155550100"}),
        ({"phone": "0044 20 7946 0958"}, {"phone_number": "+442079460958"}),
        ({"external_id": 7.0}, {"external_id": "7"}),
        ({"anonymous_id": "a-1", "exchange_id": "kx_1"}, {"anonymous_id": "a-1", "_kx": "kx_1"}),
        ({"email": "jane@example.com", "phone": "no number"}, {"email": "jane@example.com"}),
        ({"email": "no address", "external_id": "null", "anonymous_id": "a-1"}, {"anonymous_id": "a-1"}),
    ],
)
def test_people_are_named_as_klaviyo_writes_them_and_what_cannot_be_read_is_left_out(
    given: dict[str, Any], known: dict[str, str]
) -> None:
    assert person("minimal", given) == known


def test_a_number_without_its_country_is_read_as_of_the_region() -> None:
    given = {"phone": "(415) 555-0100"}
    assert built("minimal", given).code == "no_identifier"
    there = Klaviyo().build(delivery_to(Klaviyo, {**GIVEN, "phone_region": "us"}, "minimal", given))
    assert isinstance(there, Request)
    assert b'"phone_number":"+14155550100"' in there.data


@pytest.mark.parametrize("nobody", [{}, {"email": "x", "phone": "1", "external_id": "Anonymous"}, {"email": "a" * 64}])
def test_an_event_of_nobody_is_rejected(nobody: dict[str, Any]) -> None:
    assert (built("minimal", nobody).code, built("lead", nobody).field) == ("no_identifier", "email")


def test_nothing_of_the_visitor_leaves_but_what_is_mapped() -> None:
    said = json.dumps(sent("lead", WHO))
    assert not any(part in said for part in ("Zo", "33", "newsletter"))


def test_properties_are_the_bags_and_the_mapped_ones_but_not_klaviyos_own() -> None:
    bag = {"size": "L", "$value": 7, "$flow": "x", "order_id": "0"}
    assert sent(fields={"properties": bag, "$extra": {"a": 1}, "profile.plan": "gold"})["properties"] == {
        "size": "L",
        "order_id": "1001",
        "$extra": {"a": 1},
    }
    assert sent(fields={"properties": ["no", "bag"], "order_id": None})["properties"] == {}


@pytest.mark.parametrize("order_id", NO_ORDER_IDS)
def test_a_property_may_be_anything(order_id: Any) -> None:
    assert sent(fields={"order_id": order_id})["properties"] == {"order_id": order_id}


def test_a_sum_is_a_number_and_a_currency_three_letters() -> None:
    made = sent(fields={"value": "129.50", "currency": "eur"})
    assert (made["value"], made["value_currency"]) == (129.5, "EUR")
    assert "value" not in sent("lead", WHO)


@pytest.mark.parametrize(("field", "came"), [("value", "12,50"), ("value", [1]), ("currency", "Euro")])
def test_what_was_given_and_cannot_be_read_is_rejected(field: str, came: Any) -> None:
    rejected = built(fields={field: came})
    assert (rejected.code, rejected.field) == (f"invalid_{field}", field)


@pytest.mark.parametrize("said", [True, "yes", 1, "perhaps", {}])
def test_an_event_of_old_starts_no_flow(said: Any) -> None:
    assert sent(fields={"backfill": said})["backfill"] is True


@pytest.mark.parametrize("said", [False, "no", None, ""])
def test_any_other_may(said: Any) -> None:
    assert "backfill" not in sent(fields={"backfill": said})


def test_what_klaviyo_would_refuse_is_rejected_here() -> None:
    assert built(fields={"name": None}).code == "no_name"
    assert built(fields={"name": "x" * 128}).code == "invalid_name"
    assert built(fields={"properties": {f"p{n}": n for n in range(400)}}).code == "too_many_properties"
    long = built(fields={"story": ["é" * 50_001]})
    assert (long.code, long.field) == ("text_too_long", "story")
    assert sent(fields={"story": ["é" * 50_000], "name": "x" * 127})
    assert built("identify", {"profile.story": "x" * 100_000}).code == "too_large"


def test_an_identify_makes_or_updates_the_profile_with_what_is_mapped_and_nothing_else() -> None:
    given = {
        **WHO, "phone": "+33 1 99 00 12 34", "profile.first_name": "Jane", "profile.city": " Lyon ",
        "profile.latitude": "45.76", "profile.plan": {"name": "gold"}, "size": "L", "properties": {"a": 1},
    }  # fmt: skip
    request = built("identify", given)
    assert request.url == "https://a.klaviyo.com/api/profile-import"
    assert json.loads(request.data) == {
        "data": {
            "type": "profile",
            "attributes": {
                "email": "jane@example.com",
                "phone_number": "+33199001234",
                "external_id": "customer-9",
                "first_name": "Jane",
                "location": {"city": "Lyon", "latitude": 45.76},
                "properties": {"plan": {"name": "gold"}},
            },
        }
    }


def test_an_identify_that_tells_nothing_is_passed_over() -> None:
    assert built("identify") == Skipped("nothing_to_set", "Map what Klaviyo may know of the person: profile.plan, say.")
    assert sent("identify", {"external_id": None, **WHO}) == WHO
    assert sent("identify", WHO) == {"external_id": "customer-9", **WHO}


def test_a_name_that_is_no_text_is_rejected() -> None:
    rejected = built("identify", {"profile.first_name": {"a": 1}})
    assert (rejected.code, rejected.field) == ("invalid_profile_first_name", "profile.first_name")


def test_settings_that_can_not_be_sent_are_refused() -> None:
    for wrong in ({"private_key": "clé"}, {"revision": "v1"}, {"revision": "2026-7-15"}, {"phone_region": "UK"}):
        with pytest.raises(ValidationError):
            load_settings(Klaviyo, {**GIVEN, **wrong})


def read(status: int, said: Any, headers: dict[str, str] | None = None) -> Any:
    return Klaviyo().read(answer(status, said if isinstance(said, bytes) else json.dumps(said).encode(), headers))


def error(code: Any, pointer: Any = None, detail: Any = "No.") -> dict[str, Any]:
    return {"errors": [{"id": "1", "code": code, "title": "T", "detail": detail, "source": {"pointer": pointer}}]}


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (202, b"", Delivered),
        (200, PROFILE, Delivered),
        (201, PROFILE, Delivered),
        (200, b"", Unknown),
        (202, PROFILE, Unknown),
        (202, error("invalid"), Unknown),
        (200, {"data": {"type": "list"}}, Unknown),
        (204, b"", Unknown),
        (200, b"<html>", Unauthorized),
        (202, b"<html>", Unauthorized),
        (400, b"", Unauthorized),
        (400, error("invalid"), Rejected),
        (413, b"", Rejected),
        (401, error("not_authenticated"), Unauthorized),
        (403, error("permission_denied"), Unauthorized),
        (404, error("not_found"), Unauthorized),
        (410, b"", Unauthorized),
        (302, b"", Unauthorized),
        (429, error("throttled"), Retry),
        (500, error("error"), Retry),
        (503, b"<html>", Retry),
    ],
)
def test_the_verdicts(status: int, said: Any, kind: type) -> None:
    assert isinstance(read(status, said), kind)


def test_a_refusal_is_told_in_klaviyos_words_with_the_field() -> None:
    pointer = "/data/attributes/profile/data/attributes/email"
    said = read(400, error("invalid", pointer, "Invalid email address"))
    assert said == Rejected("invalid_email", "Invalid email address", "email")
    assert read(400, error("invalid", None, None)) == Rejected("invalid", "T")
    assert read(400, {"errors": ["no"]}).code == read(400, {"errors": [{"detail": "no"}]}).code == "http_400"


def test_identifiers_of_two_people_are_told_with_the_mend() -> None:
    said = read(409, error("duplicate_profile"))
    assert (said.code, "merge them there" in said.message) == ("duplicate_profile", True)


def test_a_throttle_lasts_as_long_as_klaviyo_says() -> None:
    assert read(429, error("throttled"), {"Retry-After": "17"}) == Retry("throttled", "No.", 17.0, throttle=True)
    assert read(429, b"", {"RateLimit-Reset": "42"}).after == 42.0


def test_what_klaviyo_did_not_take_of_a_person_is_noted() -> None:
    assert read(202, b"", {"X-Klaviyo-Partial-Failure": "phone_number"}) == Delivered("not taken: phone_number")
    assert isinstance(read(200, b"", {"X-Klaviyo-Partial-Failure": "phone_number"}), Unknown)


def call(path: str, attributes: Any, kind: str = "event", **headers: str) -> Call:
    known = {"Authorization": "Klaviyo-API-Key pk_a-key", "revision": "2026-07-15",
             "Content-Type": "application/vnd.api+json"}  # fmt: skip
    said = {"data": {"type": kind, "attributes": attributes}}
    return Call("POST", path, {}, known | headers, json.dumps(said).encode(), said)


def event(**changes: Any) -> dict[str, Any]:
    """As small as there can be; ``who`` is whose it is."""
    who = changes.pop("who", WHO)
    return {
        "properties": {},
        "metric": {"data": {"type": "metric", "attributes": {"name": "A"}}},
        "profile": {"data": {"type": "profile", "attributes": who}},
        **changes,
    }


@pytest.mark.parametrize(
    ("attributes", "pointer"),
    [
        (event(metric={"data": {"type": "metric", "attributes": {"name": "x" * 128}}}), "name"),
        (event(time="yesterday"), "time"),
        (event(value="12.5"), "value"),
        (event(value_currency="Euro"), "value_currency"),
        (event(unique_id=7), "unique_id"),
        (event(properties={f"p{n}": n for n in range(401)}), "properties"),
        (event(properties={"story": "x" * 100_001}), "properties"),
        (event(who={"email": "jane@localhost"}), "email"),
        (event(who={"phone_number": "5550100"}), ""),
        (event(who={}), ""),
        (event(who={**WHO, "plan": "gold"}), "plan"),
        (event(size="L"), "size"),
        ({"properties": {}}, "metric"),
    ],
)
def test_the_double_refuses_what_klaviyo_would(attributes: dict[str, Any], pointer: str) -> None:
    with KlaviyoDouble() as vendor:
        said = vendor.take(call("/api/events", attributes))
    assert (said.status, vendor.kept) == (400, [])
    assert said.body["errors"][0]["source"]["pointer"].rpartition("/")[2] == pointer


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/lists", {}, 404),
        ("/api/events", {"Authorization": "Bearer pk_a-key"}, 401),
        ("/api/events", {"revision": "today"}, 400),
        ("/api/events", {"Content-Type": "text/plain"}, 415),
    ],
)
def test_the_double_lets_nobody_in_otherwise(path: str, headers: dict[str, str], status: int) -> None:
    with KlaviyoDouble() as vendor:
        assert vendor.take(call(path, event(), **headers)).status == status


def test_the_double_keeps_one_of_a_name_person_and_id_and_takes_a_wrong_phone_out() -> None:
    with KlaviyoDouble() as vendor:
        for who in (WHO, {"email": "joe@example.com"}, {**WHO, "phone_number": "no"}):
            said = vendor.take(call("/api/events", event(unique_id="1", who=who)))
    assert (said.status, said.headers) == (202, {"X-Klaviyo-Partial-Failure": "phone_number"})
    assert (len(vendor.kept), vendor.profiles) == (2, [WHO, {"email": "joe@example.com"}])


def test_the_double_tells_a_profile_made_from_one_updated_and_refuses_two_people() -> None:
    with KlaviyoDouble() as vendor:
        people: list[dict[str, Any]] = [
            {"email": "jane@example.com", "properties": {"a": 1}},
            {"external_id": "7"},
            {"email": "jane@example.com", "properties": {"b": 2}},
            {"email": "jane@example.com", "external_id": "7"},
        ]
        said = [vendor.take(call("/api/profile-import", one, "profile")).status for one in people]
    assert said == [201, 201, 200, 409]
    assert vendor.profiles[0]["properties"] == {"a": 1, "b": 2}
