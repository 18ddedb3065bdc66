"""posthog: accepted, routed, packed, sent over real HTTP, and read back from its double."""

import hashlib
from contextlib import ExitStack

from ours.plugin.testing.doubles import Answer
from ours.plugin.testing.doubles.posthog import PostHogDouble
from tests.services.conftest import Place
from tests.services.vendors.road import DONE, add, again, buy, ended, unheard


def test_posthog_refuses_all_for_one_and_only_that_one_is_rejected(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(PostHogDouble())
    mapping = {"$cookieless_mode": "{{event.event_properties.mode}}"}
    place.destinations.add("posthog", "P", vendor.settings, events=["*"], mapping=mapping, actor="cli")
    for distinct_id in "abc":
        buy(place, distinct_id)
    buy(place, "odd", event_properties={"mode": "odd"})
    buy(place, "unread", event_properties={"value": "9,50"})
    place.work()
    states = sorted(ended(place).values(), key=str)
    assert states == [*[DONE] * 3, ("rejected", "invalid_cookieless_mode"), ("rejected", "invalid_value")]
    assert len(vendor.kept) == 3
    assert vendor.persons == {}


def test_posthog_throttles_and_nothing_is_there_twice(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(PostHogDouble())
    add(place, "posthog", vendor)
    vendor.then(Answer(429, b"rate limited"))
    buy(place, "a")
    place.work()
    again(place)
    unheard(place)
    assert set(ended(place).values()) == {DONE}
    assert (len(vendor.calls), len(vendor.kept)) == (3, 1)
    assert vendor.calls[0].body == vendor.calls[2].body


def test_posthog_over_its_quota_is_left_alone_and_nothing_is_lost(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(PostHogDouble())
    add(place, "posthog", vendor)
    vendor.then(Answer(200, {"status": "Ok", "quota_limited": ["events"]}))
    buy(place, "a")
    place.work()
    buy(place, "b")
    again(place)
    assert {state for state, _ in ended(place).values()} <= {"retrying", "pending"}
    assert (len(vendor.calls), vendor.kept) == (1, [])


def test_posthog_learns_of_a_visitor_what_is_mapped(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(PostHogDouble())
    mapping = {"$set.company": "{{visitor.company_name}}"}
    place.destinations.add("posthog", "P", vendor.settings, events=["$identify"], mapping=mapping, actor="cli")
    place.identify(user_id="u1", user_properties={"company_name": "Example GmbH", "email": "jane@example.com"})
    place.work()
    assert set(ended(place).values()) == {DONE}
    assert vendor.persons == {hashlib.sha256(b"u1").hexdigest(): {"company": "Example GmbH"}}
