"""HubSpot: the very requests, how names and values are written, and a verdict for each."""

import json
import uuid
from typing import Any, ClassVar

import pytest
import requests

from destinations.hubspot import HubSpot, event_name, written
from ours.plugin import (
    Delivered,
    Delivery,
    Outcome,
    Rejected,
    Retry,
    Split,
    Unauthorized,
    Unknown,
    ValidationError,
    load_settings,
)
from ours.plugin.identifiers import event_key
from ours.plugin.testing import DestinationContract
from ours.plugin.testing.doubles.hubspot import HubSpotDouble
from ours.plugin.testing.exchange import answer
from tests.destinations.asking import delivery_to

GIVEN = {"account_id": "1234567", "access_token": "pat-na1-for-tests"}
JANE = {"email": "Jane@Example.com"}


def known(name: str, distinct_id: str) -> str:
    return str(uuid.UUID(event_key(name, distinct_id), version=5))


class TestHubSpot(DestinationContract):
    destination = HubSpot
    settings: ClassVar = GIVEN

    def dedupe_id(self, delivery: Delivery) -> str:
        return known(delivery.event.name, delivery.event.distinct_id)


def delivery(*words: Any, **changes: Any) -> Delivery:
    return delivery_to(HubSpot, GIVEN, *words, **changes)


def item(*args: Any, **changes: Any) -> Any:
    return HubSpot().item(delivery(*args, **changes))


def pack(*items: Any, **settings: Any) -> Any:
    return HubSpot().pack(items, load_settings(HubSpot, {**GIVEN, **settings})).prepare()


def test_a_purchase_is_an_occurrence_of_a_custom_event_and_lets_out_nothing_but_its_name_and_whose_it_is() -> None:
    made = item()
    assert made == {
        "eventName": "pe1234567_order_completed",
        "email": "jane@example.com",
        "properties": {},
        "occurredAt": "2026-11-18T11:06:35.000Z",
        "uuid": known("Order Completed", "order-1001"),
    }
    ready = pack(made, made)
    assert (ready.method, ready.url) == ("POST", "https://api.hubapi.com/events/2026-03/send/batch")
    assert ready.headers["Authorization"] == "Bearer pat-na1-for-tests"
    assert json.loads(ready.body) == {"inputs": [made, made]}


def test_an_identify_is_a_contact_known_by_the_email() -> None:
    made = item("identify", {**JANE, "contact.firstname": " Jane ", "contact.nps": 9, "firstname": "Mary"})
    assert made == {
        "id": "jane@example.com",
        "idProperty": "email",
        "objectWriteTraceId": known("$identify", "019a0000000070008000000000000003"),
        "properties": {"email": "jane@example.com", "firstname": "Jane", "nps": "9"},
    }
    assert pack(made).url == "https://api.hubapi.com/crm/objects/2026-03/contacts/batch/upsert"
    assert item("identify", JANE)["properties"] == {"email": "jane@example.com"}
    assert "gold" not in json.dumps(item(fields={"contact.plan": "gold"}))


@pytest.mark.parametrize(
    ("version", "events", "contacts"),
    [
        ("v3", "/events/v3/send/batch", "/crm/v3/objects/contacts/batch/upsert"),
        ("2026-03", "/events/2026-03/send/batch", "/crm/objects/2026-03/contacts/batch/upsert"),
        ("2026-09", "/events/custom/2026-09/send/batch", "/crm/objects/2026-09/contacts/batch/upsert"),
    ],
)
def test_each_version_has_its_addresses(version: str, events: str, contacts: str) -> None:
    """As HubSpot's OpenAPI documents have them."""
    assert pack(item(), api_version=version).path_url == events
    assert pack(item("identify", JANE), api_version=version).path_url == contacts


def test_contacts_and_events_go_apart() -> None:
    assert {HubSpot().group(delivery(one)) for one in ("purchase", "lead")} == {"events"}
    assert HubSpot().group(delivery("identify")) == "contacts"


def test_a_contact_is_in_a_request_once_as_it_is_known_last() -> None:
    """HubSpot refuses a whole request that has one twice."""
    older, newer = (item("identify", {**JANE, "contact.plan": plan}, distinct_id=plan) for plan in ("silver", "gold"))
    mary = item("identify", {"email": "mary@example.com"}, distinct_id="m")
    assert json.loads(pack(older, mary, newer).body) == {"inputs": [newer, mary]}
    wrong = {"results": [], "errors": [error([newer["objectWriteTraceId"]])]}
    said = read(207, wrong | {"results": [{"objectWriteTraceId": mary["objectWriteTraceId"]}]}, [older, mary, newer])
    assert [type(one) for one in said] == [Rejected, Delivered, Rejected]
    done = {"results": [{"id": "1"}, {"id": "2"}]}
    assert read(200, done, [older, mary, newer]) == [Delivered()] * 3


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("Order Completed", "pe1234567_order_completed"),
        (" AddToCart ", "pe1234567_add_to_cart"),
        ("$pageview", "pe1234567_pageview"),
        ("step-2: Done!", "pe1234567_step_2_done"),
        ("pe1234567_viewed_plan", "pe1234567_viewed_plan"),
        ("pe99_viewed_plan", "pe99_viewed_plan"),
        ("2nd visit", None),
        ("Größe", None),
        ("x" * 50, f"pe1234567_{'x' * 50}"),
        ("x" * 51, None),
        ("--", None),
        (None, None),
        ({"a": 1}, None),
    ],
)
def test_a_name_is_written_as_hubspot_writes_it(name: Any, sent: str | None) -> None:
    assert event_name(name, "1234567") == sent
    if sent is None:
        rejected = item(fields={"event_name": name})
        assert (rejected.code, rejected.field) == ("invalid_event_name", "event_name")


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (7.0, "7"),
        (12.5, "12.5"),
        (1e-7, "0.0000001"),
        (" a ", "a"),
        (["a", 2], "a;2"),
        (["a", {}], None),
        ({"a": 1}, None),
        (float("nan"), None),
        ("\ud800", None),
    ],
)
def test_every_value_is_a_text(value: Any, sent: str | None) -> None:
    assert written(value) == sent
    made = item("identify", {**JANE, "contact.plan": value})
    assert (made.code if sent is None else made["properties"]["plan"]) == (sent or "invalid_contact_plan")


def test_what_is_mapped_becomes_a_property_and_what_is_empty_clears_nothing() -> None:
    bag = {"Size": "L", "value": 1, "gift": None, "note": " ", "tags": []}
    made = item(fields={"properties": bag, "value": "129.90", "currency": "eur", "contact.plan": "gold"})
    assert made["properties"] == {"size": "L", "value": "129.9", "currency": "EUR"}
    assert item("identify", {**JANE, "contact.plan": "", "contact.tags": []})["properties"].keys() == {"email"}


def test_one_identifier_leaves_and_nobody_is_rejected() -> None:
    assert item(fields={"object_id": 51, "utk": "c"})["objectId"] == "51"
    assert "jane" not in json.dumps(item(fields={"object_id": 51}))
    assert item(fields={"email": "no address", "utk": "c00c"})["utk"] == "c00c"
    for nobody in ("lead", "minimal"):
        assert (item(nobody).code, item(nobody).field) == ("no_identifier", "email")
    assert item("identify").code == "no_email"
    assert item("identify", {"email": "no address", "object_id": "51"}).code == "no_email"


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"value": "12,50"}, "invalid_value", "value"),
        ({"currency": "Euro"}, "invalid_currency", "currency"),
        ({"order-id": "1"}, "invalid_property_name", "order-id"),
        ({"properties": {"2nd": "x"}}, "invalid_property_name", "2nd"),
        ({"properties": {"n" * 51: "x"}}, "invalid_property_name", "n" * 51),
        ({"properties": {"items": [{"sku": "A"}]}}, "invalid_items", "items"),
        ({"story": "x" * 1025}, "property_too_long", "story"),
        ({"properties": {f"p{n}": n for n in range(51)}}, "too_many_properties", "properties"),
    ],
)
def test_what_hubspot_would_refuse_a_request_for_is_rejected_here(fields: Any, code: str, field: str) -> None:
    rejected = item(fields=fields)
    assert (rejected.code, rejected.field) == (code, field)


@pytest.mark.parametrize(
    "wrong", [{"account_id": "pe1"}, {"access_token": "clé"}, {"api_version": "latest"}, {"api_version": "2026"}]
)
def test_settings_that_can_not_be_sent_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        load_settings(HubSpot, {**GIVEN, **wrong})


EVENTS = [{"eventName": "pe1_a"}] * 3
CONTACTS = [{"id": f"{one}@example.com", "objectWriteTraceId": one} for one in "abc"]
DONE = [{"id": "1", "objectWriteTraceId": one} for one in "abc"]


def read(status: int, said: Any, items: Any = EVENTS, **headers: str) -> Any:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return HubSpot().read_batch(answer(status, body, headers), items)


def refused(category: str = "VALIDATION_ERROR", **more: Any) -> dict[str, Any]:
    return {"status": "error", "category": category, "message": "No.", "correlationId": "c"} | more


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (204, b"", Delivered),
        (200, b"", Unknown),
        (200, {}, Unknown),
        (202, b"", Unknown),
        (200, b"<html>", Unauthorized),
        (401, refused("EXPIRED_AUTHENTICATION"), Unauthorized),
        (403, refused("MISSING_SCOPES"), Unauthorized),
        (404, b"<html>", Unauthorized),
        (404, {}, Unauthorized),
        (302, b"", Unauthorized),
        (423, b"", Retry),
        (429, refused("RATE_LIMITS"), Retry),
        (477, b"", Retry),
        (500, b"", Retry),
        (503, refused("VALIDATION_ERROR"), Retry),
    ],
)
def test_the_verdicts_on_events(status: int, said: Any, kind: type, alone: bool) -> None:
    assert isinstance(read(status, said, EVENTS[:1] if alone else EVENTS), kind)


@pytest.mark.parametrize("items", [EVENTS, CONTACTS], ids=["events", "contacts"])
@pytest.mark.parametrize(
    ("status", "said", "code"),
    [
        (400, refused(), "validation_error"),
        (400, b"{}", "http_400"),
        (400, refused("jane@example.com"), "http_400"),
        (404, refused("OBJECT_NOT_FOUND"), "object_not_found"),
        (409, refused("CONFLICT"), "conflict"),
        (413, b"", "http_413"),
    ],
)
def test_a_refused_request_is_split_and_alone_rejected(status: int, said: Any, code: str, items: Any) -> None:
    assert isinstance(read(status, said, items), Split)
    alone = read(status, said, items[:1])
    assert (type(alone), alone.code) == (Rejected, code)


def undefined(name: str, words: str = "No event definition") -> Any:
    return refused("OBJECT_NOT_FOUND") | {"message": f"{words} {name}"}


MIXED = [{"eventName": name, "email": "jane@example.com"} for name in ("pe1_a", "pe1_a_b", "pe1_a")]


def test_an_event_that_is_not_defined_costs_its_company_one_more_request() -> None:
    for status, said in ((404, undefined("pe1_a")), (400, refused() | {"message": "Event type `pe1_a` is unknown"})):
        assert [type(one) for one in read(status, said, MIXED)] == [Rejected, Split, Rejected]
        assert [type(one) for one in read(status, said, MIXED[::2])] == [Rejected, Rejected]
        assert [one.field for one in read(status, said, MIXED[:1])] == ["event_name"]


@pytest.mark.parametrize(("status", "kind"), [(200, Unknown), (401, Unauthorized), (429, Retry), (500, Retry)])
def test_an_event_is_rejected_as_not_defined_by_a_refusal_alone(status: int, kind: type[Outcome]) -> None:
    assert isinstance(read(status, undefined("pe1_a"), MIXED), kind)


@pytest.mark.parametrize(
    "said",
    [
        undefined("pe1_c"),
        undefined("jane@example.com", "Of pe1_a there is no contact"),
        undefined("pe1_a", "There is no property plan of the event type"),
        undefined("pe1_a", "No contact was found for the event type"),
        refused() | {"message": "Invalid email for pe1_a"},
        refused() | {"message": ["pe1_a"]},
    ],
)
def test_what_is_wrong_with_one_event_is_not_laid_on_all_of_its_name(said: Any) -> None:
    assert isinstance(read(404 if said["category"] == "OBJECT_NOT_FOUND" else 400, said, MIXED), Split)


def test_it_rests_as_long_as_hubspot_says() -> None:
    daily = refused("RATE_LIMITS", policyName="DAILY")
    tens = refused("RATE_LIMITS", policyName="TEN_SECONDLY_ROLLING")
    interval = {"X-HubSpot-RateLimit-Interval-Milliseconds": "1500"}
    assert [read(429, said).after for said in (daily, tens, b"")] == [3600.0, 10.0, 10.0]
    assert read(429, tens, **interval).after == 1.5
    assert [read(429, daily, **{"Retry-After": said}).after for said in ("7", "0")] == [7.0, 0.0]
    assert read(429, tens, **{"X-HubSpot-RateLimit-Interval-Milliseconds": "soon"}).after == 10.0
    assert all(read(429, said).throttle for said in (daily, tens))
    assert (read(423, b"").after, read(477, b"").after) == (2.0, None)
    assert read(477, b"", **{"Retry-After": "30"}).after == 30.0


def test_contacts_that_all_have_a_result_are_delivered() -> None:
    said = {"status": "COMPLETE", "results": DONE}
    assert read(200, said, CONTACTS) == [Delivered()] * 3
    assert read(200, {**said, "results": [{"id": "1"}] * 3}, CONTACTS) == [Delivered()] * 3
    assert isinstance(read(204, b"", CONTACTS), Unknown)
    assert isinstance(read(200, {"status": "COMPLETE"}, CONTACTS), Unknown)


def error(trace: Any, **more: Any) -> dict[str, Any]:
    return {"status": "error", "category": "VALIDATION_ERROR", "message": "No.",
            "context": {"objectWriteTraceId": trace}, **more}  # fmt: skip


@pytest.mark.parametrize("status", [207, 200])
def test_the_wrong_contacts_are_rejected_by_their_id_and_the_others_are_there(status: int) -> None:
    detail = {"message": "No such.", "code": "PROPERTY_DOESNT_EXIST", "context": {"propertyName": ["plan"]}}
    said = {"results": DONE[1:2], "errors": [error(["a"], errors=[detail]), error(["c"])], "numErrors": 2}
    assert read(status, said, CONTACTS) == [
        Rejected("property_doesnt_exist", "No.", "plan"),
        Delivered(),
        Rejected("validation_error", "No."),
    ]


def test_a_contact_that_is_throttled_alone_waits() -> None:
    said = {"results": DONE[1:], "errors": [error(["a"]) | {"category": "RATE_LIMITS"}]}
    waits, *others = read(207, said, CONTACTS)
    assert (type(waits), waits.after, others) == (Retry, 10.0, [Delivered()] * 2)


@pytest.mark.parametrize(
    "said",
    [
        {"results": [], "errors": []},
        {"results": [], "errors": [error([])]},
        {"results": [], "errors": [error("a")]},
        {"results": [None, "a"], "errors": [None, {"context": []}]},
        {"results": DONE[:0], "errors": {"a": 1}, "numErrors": 1},
        {"results": [{"id": "1"}] * 2},
    ],
)
def test_contacts_that_hubspot_says_nothing_of_are_unknown(said: dict[str, Any]) -> None:
    assert [type(one) for one in read(207, said, CONTACTS)] == [Unknown] * 3


def post(vendor: HubSpotDouble, *items: Any) -> Any:
    with requests.Session() as session:
        session.trust_env = False
        said = session.send(pack(*items, **vendor.settings), timeout=5)
    return HubSpot().read_batch(said, items)


def test_the_double_takes_what_is_right_and_drops_a_repeat() -> None:
    with HubSpotDouble() as vendor:
        assert post(vendor, item(), item(), item(name="Order Paid")) == Delivered()
        assert [one["eventName"] for one in vendor.kept] == ["pe1234567_order_completed", "pe1234567_order_paid"]
        made = item("identify", {**JANE, "contact.firstname": "Jane"})
        assert post(vendor, made) == [Delivered()]
        assert vendor.contacts == {"jane@example.com": {"email": "jane@example.com", "firstname": "Jane"}}
        assert post(vendor, made, made) == [Delivered()] * 2
        assert vendor._upsert([made, made]).body["message"] == "Duplicate IDs found in batch input"


def test_the_double_refuses_what_is_not_defined() -> None:
    with HubSpotDouble(defined={"order_completed"}, known={"plan"}) as vendor:
        assert [type(one) for one in post(vendor, item(), item(name="Other"))] == [Split, Rejected]
        assert [one.code for one in post(vendor, item(name="Other"))] == ["object_not_found"]
        fine = item("identify", {**JANE, "contact.plan": "gold"}, distinct_id="1")
        wrong = item("identify", {"email": "mary@example.com", "contact.size": "L"}, distinct_id="2")
        local = item("identify", {"email": "jane@localhost"}, distinct_id="3")
        outcomes = post(vendor, fine, wrong, local)
        assert outcomes[0] == Delivered()
        assert [(one.code, one.field) for one in outcomes[1:]] == [
            ("property_doesnt_exist", "size"), ("invalid_email", "email"),
        ]  # fmt: skip
        assert (vendor.kept, list(vendor.contacts)) == ([], ["jane@example.com"])


@pytest.mark.parametrize(
    "change",
    [
        {"eventName": "order_completed"},
        {"eventName": "pe99_order_completed"},
        {"email": "jane"},
        {"email": ""},
        {"occurredAt": 1_794_999_995},
        {"properties": {"value": 129.9}},
        {"properties": {"Value": "129.9"}},
        {"properties": {"story": "x" * 1025}},
        {"properties": {f"p{n}": "x" for n in range(51)}},
        {"properties": None},
    ],
)
def test_the_double_refuses_a_request_for_one_wrong_event(change: dict[str, Any]) -> None:
    with HubSpotDouble() as vendor:
        said = vendor._occurrences([item(), {**item(), **change}])
    assert (said.status, said.body["category"], vendor.kept) == (400, "VALIDATION_ERROR", [])
