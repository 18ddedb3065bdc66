"""tiktok: accepted, routed, packed, sent over real HTTP, and read back from its double."""

from contextlib import ExitStack

import pytest

from ours.plugin.testing.doubles import Answer
from ours.plugin.testing.doubles.tiktok import TikTokDouble
from tests.services.conftest import Place
from tests.services.vendors.road import DONE, WHO, add, buy, ended, unheard


@pytest.mark.parametrize("naming", [True, False])
def test_tiktok_refuses_a_whole_batch_for_one_event_and_only_that_one_is_rejected(
    place: Place, stack: ExitStack, naming: bool
) -> None:
    vendor = stack.enter_context(TikTokDouble(naming=naming))
    mapping = {"content_type": "{{event.event_properties.kind}}"}
    place.destinations.add("tiktok", "T", vendor.settings, events=["*", "$identify"], mapping=mapping, actor="cli")
    for distinct_id in "abcde":
        buy(place, distinct_id)
    buy(place, "odd", event_properties={"kind": "a shoe"})
    buy(place, "dear", event_properties={"value": "a lot", "currency": "EUR"})
    place.identify(user_id="u1", user_properties=WHO)
    place.work()
    verdicts = [("rejected", "invalid_value"), ("rejected", "tiktok_40002"), ("stopped", "no_conversion")]
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 5, *verdicts]
    assert sorted(event["event_id"] for event in vendor.kept) == list("abcde")
    assert not any(b"jane@example.com" in call.body for call in vendor.calls)
    assert not naming or len(vendor.calls) == 2


def test_tiktok_counts_nothing_twice_after_an_answer_that_got_lost_or_was_partly_a_yes(
    place: Place, stack: ExitStack
) -> None:
    vendor = stack.enter_context(TikTokDouble())
    add(place, "tiktok", vendor)
    vendor.then(Answer(200, {"code": 20001, "message": "Partial success", "request_id": "1", "data": {}}))
    for distinct_id in "ab":
        buy(place, distinct_id)
    place.work()
    assert set(ended(place).values()) == {DONE}
    unheard(place)
    assert set(ended(place).values()) == {DONE}
    assert sorted(event["event_id"] for event in vendor.kept) == ["a", "b"]
    assert len(vendor.calls) == 4
