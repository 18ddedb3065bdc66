"""meta: accepted, routed, packed, sent over real HTTP, and read back from its double."""

import time
from contextlib import ExitStack
from typing import Any

import pytest

from ours import clock
from ours.plugin.testing.doubles import Answer
from ours.plugin.testing.doubles.meta import MetaDouble
from tests.services.conftest import Place
from tests.services.vendors.road import DONE, PAGE, add, again, buy, ended


def test_meta_takes_a_batch_of_hashed_purchases_and_drops_a_repeat(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(MetaDouble())
    add(place, "meta", vendor)
    for distinct_id in ("a", "b", "a"):
        buy(place, distinct_id)
    place.work()
    assert set(ended(place).values()) == {DONE}
    assert len(vendor.calls) == 1
    assert sorted(event["event_id"] for event in vendor.kept) == ["a", "b"]
    assert b"jane@example.com" not in vendor.calls[0].body
    assert vendor.kept[0]["event_source_url"] == "https://shop.example.com/"


@pytest.mark.parametrize(
    "where",
    [
        {
            "identity_context": {"ip": "192.0.2.7", "userAgent": "Theirs"},
            "default_properties": PAGE | {"user_agent": "?"},
        },
        {"identity_context": {}, "default_properties": PAGE | {"user_agent": "Theirs"}},
        {"identity_context": {}, "user_properties": {"email": "jane@example.com", "user_agent": "Theirs"}},
    ],
    ids=["identityContext", "defaultProperties", "userProperties"],
)
def test_meta_is_told_the_browser_wherever_the_api_takes_it(
    place: Place, stack: ExitStack, where: dict[str, Any]
) -> None:
    vendor = stack.enter_context(MetaDouble())
    add(place, "meta", vendor)
    buy(place, "a", **where)
    place.work()
    assert [event["user_data"]["client_user_agent"] for event in vendor.kept] == ["Theirs"]


def test_meta_refuses_a_whole_batch_for_one_event_and_only_that_one_is_rejected(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(MetaDouble(now=time.time() + 2 * 86_400))
    add(place, "meta", vendor)
    for distinct_id in "abcdefg":
        buy(place, distinct_id)
    buy(place, "old", occurred_at=clock.now_ms() - 6 * clock.DAY)
    place.work()
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 7, ("rejected", "meta_100_2804003")]
    assert sorted(event["event_id"] for event in vendor.kept) == list("abcdefg")


def test_meta_throttles_and_the_events_wait_and_arrive(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(MetaDouble())
    add(place, "meta", vendor)
    said = {"error": {"code": 4, "message": "Application request limit reached", "is_transient": True}}
    vendor.then(Answer(400, said))
    buy(place, "a")
    place.work()
    again(place)
    assert set(ended(place).values()) == {DONE}
    assert (len(vendor.calls), len(vendor.kept)) == (2, 1)
