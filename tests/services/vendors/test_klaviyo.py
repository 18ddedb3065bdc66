"""klaviyo: accepted, routed, packed, sent over real HTTP, and read back from its double."""

from contextlib import ExitStack

from ours.plugin.testing.doubles import Answer
from ours.plugin.testing.doubles.klaviyo import KlaviyoDouble
from tests.services.conftest import Place
from tests.services.vendors.road import DONE, add, again, buy, ended, unheard


def test_klaviyo_takes_the_good_and_says_what_is_wrong_with_the_bad(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(KlaviyoDouble())
    add(place, "klaviyo", vendor)
    for distinct_id in "abc":
        buy(place, distinct_id, external_id="customer-7")
    buy(place, "nobody", user_id="u2", user_properties={})
    buy(place, "local", user_id="u3", user_properties={"email": "jane@localhost"})
    buy(place, "dear", event_properties={"value": "a lot"})
    buy(place, "test", mode="test")
    place.work()
    wrong = [("rejected", "invalid_email"), ("rejected", "invalid_value"), ("rejected", "no_identifier")]
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 3, *wrong, ("sunk", "test_mode")]
    assert {event["unique_id"] for event in vendor.kept} == set("abc")
    assert [event["value"] for event in vendor.kept] == [9.5] * 3
    assert vendor.profiles == [{"email": "jane@example.com", "external_id": "customer-7"}]
    assert len(vendor.calls) == 4


def test_klaviyo_records_nothing_twice_after_a_throttle_and_an_answer_that_got_lost(
    place: Place, stack: ExitStack
) -> None:
    vendor = stack.enter_context(KlaviyoDouble())
    add(place, "klaviyo", vendor)
    vendor.then(Answer(429, {"errors": [{"code": "throttled"}]}))
    buy(place, "a")
    place.work()
    again(place)
    vendor.then(Answer(202, b"<html>Sign in</html>"))
    unheard(place)
    assert {state for state, _ in ended(place).values()} == {"retrying"}
    again(place)
    assert set(ended(place).values()) == {DONE}
    assert (len(vendor.calls), len(vendor.kept)) == (4, 1)
    assert vendor.calls[0].body == vendor.calls[3].body


def test_klaviyo_learns_of_a_person_what_is_mapped_and_the_latest_of_it(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(KlaviyoDouble())
    mapping = {"profile.organization": "{{visitor.company_name}}", "phone": "{{visitor.phone_number}}"}
    place.destinations.add(
        "klaviyo", "K", vendor.settings, events=["$identify"], mapping=mapping, agreement="signed", actor="cli"
    )
    vendor.then(Answer(503))
    for company in ("Old GmbH", "Example GmbH"):
        known = {"company_name": company, "email": "Jane@example.com", "phone_number": "+33 1 99 00 12 34"}
        place.identify(external_id="customer-7", user_properties=known | {"city": "Lyon"})
    place.work()
    again(place)
    place.work()
    assert set(ended(place).values()) == {DONE}
    who = {"email": "jane@example.com", "phone_number": "+33199001234", "external_id": "customer-7"}
    assert vendor.profiles == [{**who, "organization": "Example GmbH"}]
