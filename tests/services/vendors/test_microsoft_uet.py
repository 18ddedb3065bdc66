"""microsoft_uet: accepted, routed, packed, sent over real HTTP, and read back from its double."""

import time
from contextlib import ExitStack

from ours import clock
from ours.plugin.testing.doubles import Answer
from ours.plugin.testing.doubles.microsoft_uet import MicrosoftUETDouble
from tests.services.conftest import Place
from tests.services.vendors.road import DONE, add, again, buy, ended


def test_microsoft_tells_of_ten_faults_and_all_the_others_arrive(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(MicrosoftUETDouble(now=time.time() - 86_400))
    add(place, "microsoft_uet", vendor)
    good = [f"good-{number}" for number in range(5)]
    for distinct_id in good:
        buy(place, distinct_id, occurred_at=clock.now_ms() - 2 * clock.DAY)
    for number in range(12):
        buy(place, f"ahead-{number}")
    buy(place, "unread", event_properties={"value": "9,50", "currency": "EUR"})
    place.work()
    ahead = ("retrying", "InvalidEventTime")
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 5, ("rejected", "invalid_value"), *[ahead] * 12]
    assert sorted(event["eventId"] for event in vendor.kept) == good
    assert len(vendor.calls) < 6
    assert b"jane" not in vendor.calls[0].body
    vendor.now = 0.0
    again(place)
    assert len({event["eventId"] for event in vendor.kept}) == len(vendor.kept) == 17


def test_microsoft_refuses_a_token_and_throttles_without_loss(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(MicrosoftUETDouble())
    add(place, "microsoft_uet", vendor)
    vendor.then(Answer(401, {"error": {"code": "Unauthorized"}}), Answer(429), Answer(200, {"eventsReceived": 0}))
    buy(place, "a")
    place.work()
    for _ in range(3):
        again(place)
    assert set(ended(place).values()) == {DONE}
    assert (len(vendor.calls), len(vendor.kept)) == (4, 1)
