"""rudderstack: accepted, routed, packed, sent over real HTTP, and read back from its double."""

from contextlib import ExitStack

from ours.plugin.testing.doubles import Answer
from ours.plugin.testing.doubles.rudderstack import RudderStackDouble
from tests.services.conftest import Place
from tests.services.vendors.road import DONE, add, again, buy, ended, pause_and_mend


def test_rudderstack_takes_events_and_says_no_to_a_key(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(RudderStackDouble(key="another"))
    add(place, "rudderstack", vendor, write_key="the-old-one")
    buy(place, "a")
    pause_and_mend(place, vendor, {"write_key": "another"}, turns=6)
    assert (set(ended(place).values()), len(vendor.kept)) == ({DONE}, 1)


def test_rudderstack_whose_source_is_off_costs_no_event(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(RudderStackDouble())
    add(place, "rudderstack", vendor)
    vendor.disabled = True
    buy(place, "a")
    place.work()
    assert {state for state, _ in ended(place).values()} == {"retrying"}
    vendor.disabled = False
    again(place)
    assert (set(ended(place).values()), len(vendor.kept)) == ({DONE}, 1)


def test_rudderstack_that_gave_an_answer_of_somebody_else_is_not_asked_twice(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(RudderStackDouble())
    add(place, "rudderstack", vendor)
    vendor.then(Answer(200, b"{}"))
    buy(place, "a")
    place.work()
    again(place)
    assert {state for state, _ in ended(place).values()} == {"held"}
    assert len(vendor.calls) == 1
