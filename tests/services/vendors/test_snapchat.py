"""snapchat: accepted, routed, packed, sent over real HTTP, and read back from its double."""

from contextlib import ExitStack

import pytest

from ours.plugin.testing.doubles.snapchat import SnapchatDouble
from tests.services.conftest import Place
from tests.services.vendors.road import DONE, WHO, add, buy, ended


def test_snapchat_takes_a_batch_of_hashed_purchases_and_no_other_name(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(SnapchatDouble())
    add(place, "snapchat", vendor)
    for distinct_id in "abc":
        buy(place, distinct_id)
    place.track("Oncology", user_id="u1", distinct_id="unknown", user_properties=WHO)
    place.identify(user_id="u1", user_properties=WHO)
    place.work()
    verdicts = [("rejected", "unknown_event_name"), ("stopped", "no_conversion")]
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 3, *verdicts]
    assert sorted(event["event_id"] for event in vendor.kept) == list("abc")
    assert len(vendor.calls) == 1
    assert not any(secret in vendor.calls[0].body for secret in (b"jane@example.com", b"192.0.2.7", b"coupon"))


@pytest.mark.parametrize("refusing", [400, 200])
def test_snapchat_refuses_a_whole_request_and_only_the_wrong_event_is_rejected(
    place: Place, stack: ExitStack, refusing: int
) -> None:
    vendor = stack.enter_context(SnapchatDouble(unwanted="c", refusing=refusing))
    add(place, "snapchat", vendor)
    for distinct_id in "abcde":
        buy(place, distinct_id)
    place.work()
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 4, ("rejected", "snapchat_invalid_event")]
    assert sorted(event["event_id"] for event in vendor.kept) == list("abde")


def test_snapchat_refuses_each_event_and_all_are_rejected(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(SnapchatDouble(now=1.0))
    add(place, "snapchat", vendor)
    for distinct_id in "abc":
        buy(place, distinct_id)
    place.work()
    assert list(ended(place).values()) == [("rejected", "snapchat_invalid_event")] * 3
    assert vendor.kept == []
