"""segment: accepted, routed, packed, sent over real HTTP, and read back from its double."""

import hashlib
from contextlib import ExitStack

import pytest

from ours.plugin.testing.doubles import Answer, Call
from ours.plugin.testing.doubles.rudderstack import RudderStackDouble
from ours.plugin.testing.doubles.segment import SegmentDouble
from tests.services.conftest import Place
from tests.services.vendors.road import DONE, add, again, buy, ended, unheard


class PickySegment(SegmentDouble):
    def answer(self, call: Call) -> Answer:
        return Answer(400, {"success": False}) if b"unwanted" in call.body else super().answer(call)


@pytest.mark.parametrize(
    ("slug", "double", "kept"), [("segment", SegmentDouble, 2), ("rudderstack", RudderStackDouble, 4)]
)
def test_segment_takes_each_event_once_and_both_learn_what_is_mapped(
    place: Place, stack: ExitStack, slug: str, double: type[SegmentDouble | RudderStackDouble], kept: int
) -> None:
    vendor = stack.enter_context(double())
    given = {"events": ["*", "$identify"], "mapping": {"traits.company": "{{visitor.company_name}}"}, "actor": "cli"}
    place.destinations.add(slug, "S", vendor.settings, **given)
    for distinct_id in "ab":
        buy(place, distinct_id)
    place.identify(user_id="u1", user_properties={"company_name": "Example GmbH", "email": "jane@example.com"})
    place.work()
    unheard(place)
    assert set(ended(place).values()) == {DONE}
    assert (len(vendor.calls), len(vendor.kept)) == (2, kept)
    assert vendor.people == {hashlib.sha256(b"u1").hexdigest(): {"company": "Example GmbH"}}
    assert all(b"jane" not in call.body for call in vendor.calls)


def test_segment_refuses_all_for_one_and_takes_the_others(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(PickySegment())
    add(place, "segment", vendor)
    for order in ("1", "2", "unwanted", "4", "5"):
        buy(place, order, event_properties={"order_id": order})
    buy(place, "unread", event_properties={"value": "9,50"})
    place.work()
    states = sorted(ended(place).values(), key=str)
    assert states == [*[DONE] * 4, ("rejected", "http_400"), ("rejected", "invalid_value")]
    assert sorted(event["properties"]["order_id"] for event in vendor.kept) == ["1", "2", "4", "5"]


def test_segment_throttles_and_the_events_wait_and_arrive(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(SegmentDouble())
    add(place, "segment", vendor)
    vendor.then(Answer(429, b""))
    buy(place, "a")
    place.work()
    again(place)
    assert (set(ended(place).values()), len(vendor.kept)) == ({DONE}, 1)
