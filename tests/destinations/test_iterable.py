"""Iterable: the very requests, whom they are about, and a verdict for each."""

import json
from typing import Any, ClassVar

import pytest
import requests

from destinations.iterable import DISALLOWED, REASONS, Iterable
from ours.plugin import (
    Delivered,
    Delivery,
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
from ours.plugin.testing.doubles.iterable import IterableDouble
from ours.plugin.testing.exchange import answer
from tests.destinations.asking import delivery_to

GIVEN = {"api_key": "a-key-for-tests"}
BY_ID = {**GIVEN, "known_by": "user_id"}
HYBRID = {**GIVEN, "known_by": "hybrid"}


class TestIterable(DestinationContract):
    destination = Iterable
    settings: ClassVar = GIVEN

    def dedupe_id(self, delivery: Delivery) -> str:
        return event_key(delivery.event.name, delivery.event.distinct_id)


class TestIterableByUserId(TestIterable):
    settings: ClassVar = BY_ID


def delivery(*words: Any, settings: Any = GIVEN, **changes: Any) -> Delivery:
    return delivery_to(Iterable, settings, *words, **changes)


def item(*args: Any, **changes: Any) -> Any:
    return Iterable().item(delivery(*args, **changes))


def pack(*items: Any, **settings: Any) -> Any:
    return Iterable().pack(items, load_settings(Iterable, {**GIVEN, **settings})).prepare()


def test_a_purchase_is_one_event_of_many() -> None:
    made = item()
    assert made == {
        "email": "jane@example.com",
        "eventName": "Order Completed",
        "id": event_key("Order Completed", "order-1001"),
        "createdAt": 1_794_999_995,
        "dataFields": {"value": 129.9, "currency": "EUR", "order_id": "1001"},
    }
    ready = pack(made, made)
    assert (ready.method, ready.url) == ("POST", "https://api.iterable.com/api/events/trackBulk")
    assert (ready.headers["Api-Key"], ready.headers["Content-Type"]) == ("a-key-for-tests", "application/json")
    assert json.loads(ready.body) == {"events": [made, made]}


def test_an_identify_updates_the_person_with_what_is_mapped_and_nothing_else() -> None:
    jane = {"email": "Jane@Example.com", "user.firstName": "Jane", "plan": "gold"}
    made = item("identify", jane)
    assert made == {"email": "jane@example.com", "dataFields": {"firstName": "Jane"}}
    ready = pack(made)
    assert ready.url == "https://api.iterable.com/api/users/bulkUpdate"
    assert json.loads(ready.body) == {"users": [made]}
    assert item("identify", {"email": "jane@example.com"}) == {"email": "jane@example.com", "dataFields": {}}
    by_id = item("identify", jane, settings=BY_ID)
    assert by_id == {
        "userId": "customer-9",
        "preferUserId": True,
        "dataFields": {"firstName": "Jane", "email": "jane@example.com"},
    }
    assert item("identify", settings=BY_ID).reason == "nothing_to_set"
    assert "gold" not in json.dumps(item(fields={"user.plan": "gold"}))


@pytest.mark.parametrize(
    ("settings", "fields", "who"),
    [
        (GIVEN, {}, {"email": "jane@example.com"}),
        (GIVEN, {"user_id": "é"}, {"email": "jane@example.com"}),
        (BY_ID, {}, {"userId": "customer-7"}),
        (BY_ID, {"user_id": 7}, {"userId": "7"}),
        (HYBRID, {}, {"userId": "customer-7"}),
        (HYBRID, {"user_id": "anonymous"}, {"email": "jane@example.com"}),
    ],
)
def test_one_identifier_leaves_as_the_project_knows_people(settings: Any, fields: Any, who: Any) -> None:
    made = item(settings=settings, fields=fields)
    assert {name: made[name] for name in ("email", "userId") if name in made} == who


@pytest.mark.parametrize(
    ("settings", "fields", "code", "field"),
    [
        (GIVEN, {"email": "no address"}, "no_email", "email"),
        (GIVEN, {"email": None}, "no_email", "email"),
        (BY_ID, {"user_id": "null"}, "no_user_id", "user_id"),
        (BY_ID, {"user_id": {}}, "no_user_id", "user_id"),
        (BY_ID, {"user_id": "Zoë"}, "invalid_user_id", "user_id"),
        (HYBRID, {"user_id": "a\tb"}, "invalid_user_id", "user_id"),
        (HYBRID, {"user_id": "", "email": ""}, "no_email", "email"),
        (GIVEN, {"event_name": None}, "no_event_name", "event_name"),
        (GIVEN, {"value": "12,50"}, "invalid_value", "value"),
        (GIVEN, {"currency": "Euro"}, "invalid_currency", "currency"),
        (GIVEN, {"campaign_id": "spring"}, "invalid_campaign_id", "campaign_id"),
        (GIVEN, {"template_id": 1.5}, "invalid_template_id", "template_id"),
        (GIVEN, {"properties": {"a": "x" * 3_800_000}}, "too_large", None),
    ],
)
def test_what_can_not_be_read_is_rejected(settings: Any, fields: Any, code: str, field: str | None) -> None:
    rejected = item(settings=settings, fields=fields)
    assert (rejected.code, rejected.field) == (code, field)


def test_an_event_of_nobody_is_rejected() -> None:
    assert {item(one).code for one in ("lead", "minimal", "identify")} == {"no_email"}
    assert {item(one, settings=BY_ID).code for one in ("lead", "minimal")} == {"no_user_id"}


def test_what_is_mapped_becomes_a_data_field() -> None:
    bag = {"size": "L", "value": 1, "items": [{"sku": "A-1"}]}
    made = item(fields={"properties": bag, "value": "9.50", "campaign_id": "12", "template_id": 3})
    assert made["dataFields"] == {
        "size": "L", "value": 9.5, "items": [{"sku": "A-1"}], "currency": "EUR", "order_id": "1001",
    }  # fmt: skip
    assert (made["campaignId"], made["templateId"]) == (12, 3)


def test_people_and_events_go_apart() -> None:
    assert {Iterable().group(delivery(one)) for one in ("purchase", "lead")} == {"events"}
    assert Iterable().group(delivery("identify")) == "users"


@pytest.mark.parametrize("wrong", [{"api_key": "clé"}, {"known_by": "phone"}, {"endpoint": "api.iterable.com"}])
def test_settings_that_can_not_be_sent_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        load_settings(Iterable, {**GIVEN, **wrong})


EVENTS = [
    {"eventName": "A", "email": "jane@example.com"},
    {"eventName": "B", "userId": "customer-7"},
    {"eventName": "C", "email": "mary@example.com"},
]
USERS = [
    {"userId": "customer-7", "dataFields": {"email": "jane@example.com"}},
    {"userId": "Customer-7", "dataFields": {}},
    {"email": "mary@example.com", "dataFields": {}},
]


def read(status: int, said: Any, items: Any = EVENTS) -> Any:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return Iterable().read_batch(answer(status, body), items)


def counts(failed: int, **more: Any) -> dict[str, Any]:
    return {"successCount": 3 - failed, "failCount": failed, "createdFields": [], "filteredOutFields": []} | more


def test_all_that_were_taken_are_delivered() -> None:
    assert read(200, counts(0)) == [Delivered()] * 3
    assert read(200, counts(0, failedUpdates={}, disallowedEventNames=[])) == [Delivered()] * 3
    assert read(200, counts(0), USERS) == [Delivered()] * 3


@pytest.mark.parametrize("reason", ["invalid", "forgotten", "notFound"])
def test_events_of_whoever_is_named_are_not_taken_and_the_others_are_there(reason: str) -> None:
    told = {f"{reason}Emails": ["Mary@example.com"], f"{reason}UserIds": ["customer-7"]}
    assert read(200, counts(2, failedUpdates=told)) == [Delivered(), REASONS[reason], REASONS[reason]]


def test_who_is_not_found_is_tried_again_when_iterable_may_know_them() -> None:
    waits = read(200, counts(1, failedUpdates={"notFoundEmails": ["jane@example.com"]}))[0]
    assert (type(waits), waits.after, waits.throttle) == (Retry, 60.0, False)


def test_an_event_that_is_not_allowed_is_rejected_whether_it_is_counted_or_not() -> None:
    for failed in (0, 1):
        assert read(200, counts(failed, disallowedEventNames=["B"])) == [Delivered(), DISALLOWED, Delivered()]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"conflictEmails": ["jane@example.com"]}, "conflict"),
        ({"invalidEmails": ["JANE@example.com"]}, "invalid"),
        ({"invalidDataUserIds": ["customer-7"]}, "invalidData"),
        ({"forgottenUserIds": ["customer-7"], "notFoundUserIds": ["customer-7"]}, "forgotten"),
    ],
)
def test_people_are_found_by_what_they_are_and_by_what_they_would_become(told: Any, reason: str) -> None:
    """An id of other capitals is another's."""
    assert read(200, counts(1, failedUpdates=told), USERS) == [REASONS[reason], Delivered(), Delivered()]


def test_an_older_answer_names_them_beside_the_counts() -> None:
    assert read(200, counts(1, invalidEmails=["jane@example.com"])) == [REASONS["invalid"], Delivered(), Delivered()]
    both = counts(1, invalidUserIds=["customer-7"], failedUpdates={"notFoundUserIds": ["customer-7"]})
    assert read(200, both) == [Delivered(), REASONS["notFound"], Delivered()]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"failedUpdates": {"invalidEmails": "jane@example.com"}},
        {"failedUpdates": {"invalidEmails": [None, {}, "somebody@example.com"]}},
        {"failedUpdates": [], "disallowedEventNames": {"A": 1}},
    ],
)
def test_one_that_failed_and_is_not_named_is_looked_for(more: Any) -> None:
    assert [type(one) for one in read(200, counts(1, **more))] == [Split] * 3
    assert read(200, counts(1, **more), EVENTS[:1])[0].code == "refused"
    named = more | {"failedUpdates": {"invalidUserIds": ["customer-7"]}}
    assert [type(one) for one in read(200, counts(2, **named))] == [Split, Rejected, Split]


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (200, b"", Unknown),
        (200, {}, Unknown),
        (200, {"code": "Success", "msg": ""}, Unknown),
        (200, {"successCount": 0, "failCount": 0}, Unknown),
        (200, {"successCount": 3}, Unknown),
        (200, {"successCount": True, "failCount": 0}, Unknown),
        (200, {"successCount": -1, "failCount": 4}, Unknown),
        (202, {"code": "BadParams"}, Unknown),
        (200, b"<html>", Unauthorized),
        (200, {"code": "BadApiKey"}, Unauthorized),
        (400, {"code": "BadApiKey"}, Unauthorized),
        (401, {"code": "BadApiKey", "msg": "Invalid API key"}, Unauthorized),
        (403, {"code": "Forbidden"}, Unauthorized),
        (404, b"", Unauthorized),
        (302, b"", Unauthorized),
        (400, {"code": "DatabaseError"}, Retry),
        (400, {"code": "RateLimitExceeded"}, Retry),
        (429, {"code": "RateLimitExceeded"}, Retry),
        (500, {"code": "GenericError"}, Retry),
        (503, {"code": "Unauthorized"}, Retry),
        (503, b"<html>", Retry),
    ],
)
def test_the_verdicts(status: int, said: Any, kind: type, alone: bool) -> None:
    assert isinstance(read(status, said, EVENTS[:1] if alone else EVENTS), kind)


@pytest.mark.parametrize(
    ("status", "said", "code"),
    [
        (400, {"code": "RequestFieldsTypesMismatched", "msg": "No."}, "request_fields_types_mismatched"),
        (400, {"code": "BatchTooLarge", "msg": "No."}, "batch_too_large"),
        (409, {"code": "ForgottenUserError", "msg": "No."}, "forgotten_user_error"),
        (400, {"code": "jane@example.com"}, "http_400"),
        (400, {"code": 7}, "http_400"),
        (413, b"", "http_413"),
    ],
)
def test_a_refused_request_is_split_and_alone_rejected(status: int, said: Any, code: str) -> None:
    assert isinstance(read(status, said), Split)
    alone = read(status, said, EVENTS[:1])
    assert (type(alone), alone.code) == (Rejected, code)


def test_too_many_requests_let_the_destination_rest() -> None:
    for status in (400, 429):
        assert read(status, {"code": "RateLimitExceeded"}).throttle
    assert not read(400, {"code": "DatabaseError"}).throttle


def post(vendor: IterableDouble, *items: Any) -> Any:
    with requests.Session() as session:
        session.trust_env = False
        said = session.send(pack(*items, **vendor.settings), timeout=5)
    return Iterable().read_batch(said, items)


def test_the_double_takes_what_is_right_and_updates_a_repeat() -> None:
    with IterableDouble() as vendor:
        again = item(fields={"value": 10})
        assert post(vendor, item(), item(name="Order Paid"), again) == [Delivered()] * 3
        assert vendor.kept == [again, item(name="Order Paid")]
        made = item("identify", {"email": "jane@example.com", "user.nps": 9})
        assert post(vendor, made) == [Delivered()]
        assert vendor.people == {"jane@example.com": {"nps": 9}}


def test_the_double_names_whoever_is_wrong_and_takes_the_rest() -> None:
    with IterableDouble(disallowed=["Secret"], forgotten=["gone@example.com"], strict=True) as vendor:
        people = [item("identify", {"email": f"{name}@example.com", "user.nps": 9}) for name in ("jane", "gone")]
        people.append(item("identify", {"email": "mary@example.com", "user.nps": "nine"}))
        assert post(vendor, *people) == [Delivered(), REASONS["forgotten"], REASONS["invalidData"]]
        sent = [item(fields={"email": one}) for one in ("jane@example.com", "new@example.com", "jane@localhost")]
        secret = item(name="Secret")
        assert post(vendor, *sent, secret) == [Delivered(), REASONS["notFound"], REASONS["invalid"], DISALLOWED]
        assert vendor.kept == sent[:1]
        assert post(vendor, sent[1]) == [REASONS["notFound"]]


@pytest.mark.parametrize(
    "change",
    [
        {"eventName": ""},
        {"userId": "customer-7"},
        {"email": 7},
        {"id": "x" * 513},
        {"createdAt": "2026-11-18T11:06:35Z"},
        {"campaignId": "12"},
        {"dataFields": []},
    ],
)
def test_the_double_refuses_a_request_that_is_not_of_the_schema(change: dict[str, Any]) -> None:
    with IterableDouble() as vendor:
        assert isinstance(post(vendor, item(), {**item(), **change}), Split)
        assert post(vendor, {**item(), **change}).code == "bad_params"
        assert vendor.kept == []
