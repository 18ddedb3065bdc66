"""ga4: accepted, routed, packed, sent over real HTTP, and read back from its double."""

from contextlib import ExitStack

from ours.plugin.testing.doubles import Answer
from ours.plugin.testing.doubles.ga4 import GA4Double
from tests.services.conftest import Place
from tests.services.vendors.road import DONE, add, buy, ended


def test_google_analytics_is_silent_and_shows_what_was_right(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(GA4Double())
    add(place, "ga4", vendor)
    buy(place, "a")
    buy(place, "b", event_properties={"value": 1})
    place.work()
    assert sorted(ended(place).values(), key=str) == [DONE, ("rejected", "VALUE_REQUIRED")]
    [event] = vendor.kept
    assert event["name"] == "purchase"


def test_google_analytics_validation_server_is_asked_when_told_so(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(GA4Double())
    add(place, "ga4", vendor, validate_only="true")
    vendor.then(Answer(200, {"validationMessages": [
        {"fieldPath": "events[0].name", "description": "No.", "validationCode": "NAME_RESERVED"}]}))  # fmt: skip
    buy(place, "a")
    place.work()
    buy(place, "b")
    place.work()
    assert list(ended(place).values()) == [("rejected", "NAME_RESERVED"), DONE]
    assert vendor.kept == []
