"""reddit: accepted, routed, packed, sent over real HTTP, and read back from its double."""

from contextlib import ExitStack

import pytest

from ours import clock
from ours.plugin.testing.doubles.reddit import RedditDouble
from tests.services.conftest import Place
from tests.services.vendors.road import DONE, WHO, add, buy, ended


def test_reddit_takes_a_batch_of_hashed_purchases_and_drops_a_repeat(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(RedditDouble())
    add(place, "reddit", vendor, own_events="Booked")
    for distinct_id in ("a", "b", "a"):
        buy(place, distinct_id)
    place.track("Booked", user_id="u1", distinct_id="own", user_properties=WHO)
    place.track("Oncology", user_id="u1", distinct_id="unknown", user_properties=WHO)
    place.identify(user_id="u1", user_properties=WHO)
    place.work()
    verdicts = [("rejected", "unknown_event_name"), ("stopped", "no_conversion")]
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 3, *verdicts]
    assert sorted(event["metadata"]["conversion_id"] for event in vendor.kept) == ["a", "b", "own"]
    assert len(vendor.calls) == 1
    assert not any(secret in vendor.calls[0].body for secret in (b"jane@example.com", b"192.0.2.7", b"coupon"))


@pytest.mark.parametrize(("naming", "calls"), [(True, 2), (False, 5)])
def test_reddit_refuses_a_whole_request_and_only_the_wrong_event_is_rejected(
    place: Place, stack: ExitStack, naming: bool, calls: int
) -> None:
    vendor = stack.enter_context(RedditDouble(now=clock.now_ms() + 2 * clock.DAY, naming=naming))
    add(place, "reddit", vendor)
    for distinct_id in "abc":
        buy(place, distinct_id)
    buy(place, "old", occurred_at=clock.now_ms() - 6 * clock.DAY)
    place.work()
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 3, ("rejected", "http_400")]
    assert sorted(event["metadata"]["conversion_id"] for event in vendor.kept) == list("abc")
    assert len(vendor.calls) == calls


def test_reddit_refuses_each_event_and_all_are_rejected(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(RedditDouble(now=1))
    add(place, "reddit", vendor)
    for distinct_id in "abc":
        buy(place, distinct_id)
    place.work()
    assert list(ended(place).values()) == [("rejected", "http_400")] * 3
    assert vendor.kept == []
