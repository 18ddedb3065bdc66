"""bigquery: accepted, routed, packed, sent over real HTTP, and read back from its double."""

from contextlib import ExitStack

import pytest

from ours.plugin.testing.doubles import Answer, Call
from ours.plugin.testing.doubles.bigquery import BigQueryDouble
from tests.services.conftest import Place
from tests.services.vendors.road import DONE, add, again, buy, ended, pause_and_mend, unheard


def test_bigquery_stores_each_event_as_a_row_and_none_twice(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(BigQueryDouble())
    add(place, "bigquery", vendor)
    for distinct_id in "abc":
        buy(place, distinct_id)
    place.work()
    unheard(place)
    assert set(ended(place).values()) == {DONE}
    assert [call.path.rpartition("/")[2] for call in vendor.calls] == ["token", "insertAll", "insertAll"]
    assert sorted(row["data"]["distinctId"] for row in vendor.kept) == list("abc")
    assert {row["type"] for row in vendor.kept} == {"Purchase"}
    assert all(b"jane" not in call.body for call in vendor.calls)


@pytest.mark.parametrize("strict", [False, True])
def test_bigquery_rejects_the_row_that_is_wrong_and_stores_the_others(
    place: Place, stack: ExitStack, strict: bool
) -> None:
    vendor = stack.enter_context(BigQueryDouble(strict=strict))
    add(place, "bigquery", vendor)
    said = [{"reason": "stopped", "location": "", "message": ""}] * 3
    said[1] = {"reason": "invalid", "location": "data", "message": "jane@example.com is no JSON"}
    named = range(3) if strict else [1]
    told = {"insertErrors": [{"index": index, "errors": [said[index]]} for index in named]}
    token = {"access_token": "token-0", "expires_in": 3599}
    vendor.then(Answer(200, token), Answer(200, {"kind": "bigquery#tableDataInsertAllResponse"} | told))
    for distinct_id in "abc":
        buy(place, distinct_id)
    place.work()
    assert sorted(ended(place).values(), key=str) == [DONE, DONE, ("rejected", "invalid")]
    assert len(vendor.kept) == (2 if strict else 0)


def test_bigquery_whose_table_lacks_a_column_pauses_and_no_event_is_lost(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(BigQueryDouble())
    add(place, "bigquery", vendor)
    del vendor.columns["data"]
    for distinct_id in "abc":
        buy(place, distinct_id)
    for _ in range(6):
        place.work()
        again(place)
    [destination] = place.destinations.list()
    assert (destination.status, vendor.kept) == ("paused", [])
    vendor.columns["data"] = "JSON"
    place.destinations.resume(destination.id, actor="cli")
    place.work()
    again(place)
    assert (set(ended(place).values()), len(vendor.kept)) == ({DONE}, 3)


@pytest.mark.parametrize("changed", [{"tenant": "STRING"}, {"occurred_at": "INT64"}])
def test_bigquery_whose_table_asks_for_more_rejects_no_event(
    place: Place, stack: ExitStack, changed: dict[str, str]
) -> None:
    vendor = stack.enter_context(BigQueryDouble())
    add(place, "bigquery", vendor)
    before = dict(vendor.columns)
    vendor.columns |= changed
    buy(place, "a")
    buy(place, "b")
    place.work()
    assert {state for state, _ in ended(place).values()} == {"retrying"}
    vendor.columns = before
    again(place)
    assert (set(ended(place).values()), len(vendor.kept)) == ({DONE}, 2)


def test_bigquery_refuses_a_table_or_a_quota_and_no_event_is_lost(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(BigQueryDouble())
    add(place, "bigquery", vendor, dataset="another")
    buy(place, "a")
    pause_and_mend(place, vendor, {"dataset": "my_dataset"}, turns=6)
    vendor.revoked = True
    buy(place, "b")
    place.work()
    quota = {"error": {"code": 403, "errors": [{"reason": "quotaExceeded"}], "message": "Exceeded quota"}}
    vendor.then(Answer(403, quota))
    buy(place, "c")
    place.work()
    again(place)
    assert sorted(state for state, _ in ended(place).values()) == ["delivered", "delivered", "retrying"]
    assert len(vendor.kept) == 2


def test_bigquery_splits_what_is_too_large_together() -> None:
    with BigQueryDouble() as vendor:
        vendor.tokens = 1
        path = "/bigquery/v2/projects/my-project/datasets/my_dataset/tables/events/insertAll"
        call = Call("POST", path, {}, {"Authorization": "Bearer token-1"}, b"x" * 10_485_761, None)
        assert vendor.take(call).status == 413
