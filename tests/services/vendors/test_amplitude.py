"""amplitude: accepted, routed, packed, sent over real HTTP, and read back from its double."""

import hashlib
from contextlib import ExitStack

from ours.plugin.testing.doubles import Answer
from ours.plugin.testing.doubles.amplitude import AmplitudeDouble
from tests.services.conftest import Place
from tests.services.vendors.road import DONE, add, again, buy, ended, unheard


def test_amplitude_refuses_all_for_one_and_takes_the_others(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(AmplitudeDouble())
    add(place, "amplitude", vendor)
    for distinct_id in "abc":
        buy(place, distinct_id)
    buy(place, "odd", event_properties={"value": "9,50"})
    vendor.then(Answer(400, {"code": 400, "error": "Invalid", "events_with_invalid_fields": {"time": [1]}}))
    place.work()
    states = sorted(ended(place).values(), key=str)
    assert states == [DONE, DONE, ("rejected", "invalid_time"), ("rejected", "invalid_value")]
    assert [len(call.json["events"]) for call in vendor.calls] == [3, 2]
    assert len(vendor.kept) == 2


def test_amplitude_lets_one_visitor_wait_and_no_other(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(AmplitudeDouble())
    add(place, "amplitude", vendor)
    fast = hashlib.sha256(b"u2").hexdigest()
    vendor.slow = {fast}
    for distinct_id, user_id in (("a", "u1"), ("b", "u2"), ("c", "u1")):
        buy(place, distinct_id, user_id=user_id)
    place.work()
    assert sorted(ended(place).values(), key=str) == [DONE, DONE, ("retrying", "throttled")]
    vendor.slow = set()
    again(place)
    assert set(ended(place).values()) == {DONE}
    assert sorted(event["user_id"] == fast for event in vendor.kept) == [False, False, True]


def test_amplitude_takes_nothing_twice_and_learns_what_is_mapped(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(AmplitudeDouble())
    mapping = {"$set.company": "{{visitor.company_name}}"}
    given = {"events": ["*", "$identify"], "mapping": mapping, "actor": "cli"}
    place.destinations.add("amplitude", "A", vendor.settings, **given)
    buy(place, "a")
    place.identify(user_id="u1", user_properties={"company_name": "Example GmbH", "email": "jane@example.com"})
    place.work()
    unheard(place)
    assert set(ended(place).values()) == {DONE}
    assert (len(vendor.calls), len(vendor.kept)) == (2, 1)
    assert vendor.users == {hashlib.sha256(b"u1").hexdigest(): {"company": "Example GmbH"}}
    assert all(b"jane" not in call.body for call in vendor.calls)
