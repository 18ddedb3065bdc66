"""Mixpanel: the very requests, and a verdict for each event."""

import json
from typing import Any, ClassVar

import pytest

from destinations.mixpanel import Mixpanel
from ours.plugin import Delivered, Delivery, Rejected, Retry, Skipped, Split, Unauthorized, Unknown, load_settings
from ours.plugin.testing import DestinationContract
from ours.plugin.testing.exchange import answer
from ours.plugin.testing.samples import NOW
from tests.destinations.asking import ByDistinctId, alone, delivery_to, sha256

GIVEN = {"token": "a-token-for-tests"}


class TestMixpanel(ByDistinctId, DestinationContract):
    destination = Mixpanel
    settings: ClassVar = GIVEN


def delivery(*words: Any, **changes: Any) -> Delivery:
    return delivery_to(Mixpanel, GIVEN, *words, **changes)


def item(*args: Any, **changes: Any) -> Any:
    return Mixpanel().item(delivery(*args, **changes))


def test_a_purchase_is_one_line_of_an_import() -> None:
    assert item() == {
        "event": "Order Completed",
        "properties": {
            "value": 129.9,
            "currency": "EUR",
            "order_id": "1001",
            "time": NOW - 5_000,
            "distinct_id": sha256("019a0000000070008000000000000101"),
            "$insert_id": "order-1001",
            "ip": "0",
        },
    }
    request = Mixpanel().pack([item(), item("lead")], load_settings(Mixpanel, GIVEN))
    ready = request.prepare()
    assert ready.url == "https://api.mixpanel.com/import?strict=1"
    assert ready.headers["Authorization"] == "Basic YS10b2tlbi1mb3ItdGVzdHM6"
    assert [one["event"] for one in json.loads(request.data)] == ["Order Completed", "Lead Created"]


@pytest.mark.parametrize(
    ("came", "leaves"), [("12.50", 12.5), (" 7 ", 7), (0, 0), ("12,50", "12,50"), (True, True), ([1], [1])]
)
def test_a_sum_that_came_as_text_leaves_as_a_number_and_what_is_none_as_it_came(came: Any, leaves: Any) -> None:
    properties = item(fields={"value": came, "currency": "eur"})["properties"]
    assert (properties["value"], type(properties["value"])) == (leaves, type(leaves))
    assert properties["currency"] == "EUR"


def test_a_lead_and_a_minimal_event_have_what_mixpanel_requires() -> None:
    for sample, name, person in [
        ("lead", "Lead Created", sha256("019a0000000070008000000000000102")),
        ("minimal", "Pinged", sha256("019a0000000070008000000000000004")),
    ]:
        made = item(sample)
        assert (made["event"], made["properties"]["distinct_id"]) == (name, person)
        assert made["properties"].keys() == {"time", "distinct_id", "$insert_id", "ip"}


def test_an_identify_updates_the_profile_with_what_is_mapped_and_nothing_else() -> None:
    assert item("identify").reason == "nothing_to_set"
    made = item("identify", {"$set.company": "Example GmbH", "$set.plan": "gold"})
    assert made == {
        "$distinct_id": sha256("019a0000000070008000000000000103"), "$ip": "0",
        "$set": {"company": "Example GmbH", "plan": "gold"},
    }  # fmt: skip
    request = Mixpanel().pack([made], load_settings(Mixpanel, GIVEN))
    assert str(request.prepare().url) == "https://api.mixpanel.com/engage?strict=1&verbose=1"
    assert json.loads(request.data) == [{"$token": "a-token-for-tests", **made}]
    assert request.auth is None


def test_events_and_profiles_never_share_a_request() -> None:
    groups = {sample: Mixpanel().group(delivery(sample)) for sample in ("purchase", "lead", "identify")}
    assert groups == {"purchase": "import", "lead": "import", "identify": "engage"}


def test_properties_can_be_mapped_as_a_whole_and_long_texts_are_cut() -> None:
    bag = {"a": "x" * 300, "b": [1], "value": 1}
    made = item(fields={"properties": bag, "$set.plan": "gold", "ip": "192.0.2.7"})["properties"]
    assert (made["a"], made["b"], made["value"], made["ip"]) == ("x" * 255, [1], 129.9, "192.0.2.7")
    assert "$set.plan" not in made


def test_no_property_can_take_the_place_of_what_identifies_the_event() -> None:
    bag = {"time": 1, "distinct_id": "other", "$insert_id": "other"}
    made = item(fields={"properties": bag})["properties"]
    assert (made["time"], made["$insert_id"]) == (NOW - 5_000, "order-1001")


def test_an_id_that_mixpanel_would_not_take_is_hashed() -> None:
    for odd in ("order 1001", "é", "x" * 37):
        insert_id = item(distinct_id=odd)["properties"]["$insert_id"]
        assert len(insert_id) == 36
        assert insert_id.isalnum()


@pytest.mark.parametrize("person", ["", None, "0", "Anonymous", "null", "00000000-0000-0000-0000-000000000000", {}])
def test_nobody_is_not_a_person(person: Any) -> None:
    assert item(fields={"distinct_id": person}).code == "no_distinct_id"


def test_what_mixpanel_would_refuse_is_rejected_here() -> None:
    assert item(fields={"event": None}).code == "no_event"
    assert item(fields={"properties": {f"p{n}": n for n in range(260)}}).code == "too_many_properties"
    assert item(fields={"properties": {f"p{n}": ["x" * 10_000] for n in range(120)}}).code == "too_large"
    assert isinstance(item("identify"), Skipped)


def failed(*indexes: Any, status: int = 400) -> Any:
    records = [{"index": index, "field": "properties.time", "message": "Said."} for index in indexes]
    return answer(status, json.dumps({"code": status, "failed_records": records, "num_records_imported": 1}).encode())


def test_the_failed_are_rejected_by_index_and_the_others_are_there() -> None:
    rejected = Rejected("invalid_properties_time", "Said.", "properties.time")
    assert Mixpanel().read_batch(failed(1), [{}, {}, {}]) == [Delivered(), rejected, Delivered()]
    assert Mixpanel().read_batch(failed(0, status=200), [{}]) == [rejected]
    assert Mixpanel().read_batch(failed(0, 0), [{}, {}]) == [rejected, Delivered()]


@pytest.mark.parametrize("indexes", [(None,), (5,), (0, 5), ("1",), (-1,)])
def test_failures_that_name_nobody_leave_all_unknown(indexes: tuple[Any, ...]) -> None:
    outcomes = Mixpanel().read_batch(failed(*indexes), [{}, {}])
    assert [type(one) for one in outcomes] == [Unknown, Unknown]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (200, b'{"code": 200, "num_records_imported": 2, "status": "OK"}', Delivered),
        (200, b'{"error": null, "status": 1}', Delivered),
        (200, b'{"error": "bad", "status": 0}', Split),
        (400, b'{"error": "some", "status": 0}', Split),
        (200, b"0", Split),
        (200, b"2", Unknown),
        (200, b"true", Unknown),
        (401, b"{}", Unauthorized),
        (404, b"no such page", Unauthorized),
        (302, b"", Unauthorized),
        (429, b"{}", Retry),
        (503, b"{}", Retry),
    ],
)
def test_the_verdicts(status: int, said: bytes, kind: type) -> None:
    assert isinstance(Mixpanel().read_batch(answer(status, said), [{}, {}]), kind)


@pytest.mark.parametrize("status", [200, 400])
def test_a_refusal_that_names_nobody_rejects_what_is_alone(status: int) -> None:
    assert isinstance(alone(Mixpanel(), answer(status, b'{"error": "bad", "status": 0}')), Rejected)
