"""mixpanel: accepted, routed, packed, sent over real HTTP, and read back from its double."""

import hashlib
from contextlib import ExitStack

from ours.plugin.testing.doubles import Answer
from ours.plugin.testing.doubles.mixpanel import MixpanelDouble
from tests.services.conftest import Place
from tests.services.vendors.road import DONE, add, again, buy, ended, unheard


def test_mixpanel_keeps_the_good_and_names_the_bad(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(MixpanelDouble())
    add(place, "mixpanel", vendor)
    for distinct_id in "abc":
        buy(place, distinct_id)
    buy(place, "ancient", occurred_at=5)
    place.work()
    assert len(vendor.calls) == 1
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 3, ("rejected", "invalid_properties_time")]
    assert sorted(event["properties"]["$insert_id"] for event in vendor.kept) == list("abc")


def test_mixpanel_imports_nothing_twice_after_an_answer_that_got_lost(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(MixpanelDouble())
    add(place, "mixpanel", vendor)
    buy(place, "a")
    place.work()
    unheard(place)
    assert (len(vendor.calls), len(vendor.kept)) == (2, 1)
    assert vendor.calls[0].body == vendor.calls[1].body


def test_mixpanel_learns_of_a_visitor_what_is_mapped(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(MixpanelDouble())
    mapping = {"$set.company": "{{visitor.company_name}}"}
    place.destinations.add("mixpanel", "M", vendor.settings, events=["$identify"], mapping=mapping, actor="cli")
    place.identify(user_id="u1", user_properties={"company_name": "Example GmbH", "email": "jane@example.com"})
    place.work()
    assert set(ended(place).values()) == {DONE}
    assert vendor.profiles == {hashlib.sha256(b"u1").hexdigest(): {"company": "Example GmbH"}}


def test_mixpanel_refuses_a_token_and_throttles_without_loss(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(MixpanelDouble())
    add(place, "mixpanel", vendor)
    vendor.then(Answer(401, {"code": 401}), Answer(429, {"code": 429}))
    buy(place, "a")
    place.work()
    again(place)
    again(place)
    assert set(ended(place).values()) == {DONE}
    assert len(vendor.calls) == 3
