"""pinterest: accepted, routed, packed, sent over real HTTP, and read back from its double."""

from contextlib import ExitStack

import pytest

from destinations.pinterest import EVENTS
from ours.plugin.testing.doubles import Answer
from ours.plugin.testing.doubles.pinterest import PinterestDouble
from tests.services.conftest import Place
from tests.services.vendors.road import DONE, WHO, add, again, buy, ended


def test_pinterest_takes_each_event_that_it_is_said_to_know(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(PinterestDouble())
    add(place, "pinterest", vendor)
    for name in EVENTS:
        place.track(name, user_id="u1", distinct_id=name, user_properties=WHO)
    place.work()
    assert set(ended(place).values()) == {DONE}
    assert {event["event_name"] for event in vendor.kept} == EVENTS


@pytest.mark.parametrize("partly", [422, 200])
def test_pinterest_keeps_the_good_and_names_the_bad(place: Place, stack: ExitStack, partly: int) -> None:
    vendor = stack.enter_context(PinterestDouble(partly=partly))
    add(place, "pinterest", vendor, own_events="Booked")
    for distinct_id in "abc":
        buy(place, distinct_id)
    place.track("Booked", user_id="u1", distinct_id="unheard of", user_properties=WHO)
    place.track("Oncology", user_id="u1", distinct_id="unknown", user_properties=WHO)
    place.identify(user_id="u1", user_properties=WHO)
    place.work()
    verdicts = [("rejected", "pinterest_failed"), ("rejected", "unknown_event_name"), ("stopped", "no_conversion")]
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 3, *verdicts]
    assert sorted(event["event_id"] for event in vendor.kept) == list("abc")
    assert len(vendor.calls) == 1
    assert not any(secret in vendor.calls[0].body for secret in (b"jane@example.com", b"192.0.2.7", b"coupon"))


def test_pinterest_refuses_a_whole_request_and_only_the_wrong_event_is_rejected(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(PinterestDouble(unwanted="c"))
    add(place, "pinterest", vendor)
    for distinct_id in "abcde":
        buy(place, distinct_id)
    place.work()
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 4, ("rejected", "pinterest_4196")]
    assert sorted(event["event_id"] for event in vendor.kept) == list("abde")


def test_pinterest_throttles_and_refuses_a_token_and_no_event_is_lost(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(PinterestDouble())
    add(place, "pinterest", vendor)
    vendor.then(Answer(429, {"code": 8, "message": "This request exceeded a rate limit."}), Answer(401, {"code": 2}))
    buy(place, "a")
    place.work()
    again(place)
    again(place)
    assert set(ended(place).values()) == {DONE}
    assert (len(vendor.calls), len(vendor.kept)) == (3, 1)
