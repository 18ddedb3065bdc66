"""customerio: accepted, routed, packed, sent over real HTTP, and read back from its double."""

from contextlib import ExitStack

from ours.plugin.testing.doubles import Answer
from ours.plugin.testing.doubles.customerio import CustomerIODouble
from tests.services.conftest import Place
from tests.services.vendors.road import DONE, add, again, buy, ended, unheard


def test_customer_io_takes_the_good_and_names_the_bad(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(CustomerIODouble())
    add(place, "customerio", vendor)
    for distinct_id in "ab":
        buy(place, distinct_id, external_id="customer-7")
    buy(place, "nobody", user_id="u2", user_properties={})
    buy(place, "local", user_id="u3", user_properties={"email": "jane@localhost"})
    place.work()
    states = sorted(ended(place).values(), key=str)
    assert states == [DONE, DONE, ("rejected", "invalid_identifiers"), ("rejected", "no_identifier")]
    assert [len(call.json["batch"]) for call in vendor.calls] == [3]
    assert [event["identifiers"] for event in vendor.kept] == [{"id": "customer-7"}] * 2
    assert [event["attributes"] for event in vendor.kept] == [{"value": 9.5, "currency": "EUR"}] * 2


def test_customer_io_takes_nothing_twice_after_a_throttle_and_an_answer_that_got_lost(
    place: Place, stack: ExitStack
) -> None:
    vendor = stack.enter_context(CustomerIODouble())
    add(place, "customerio", vendor)
    vendor.then(Answer(429))
    buy(place, "a", external_id="customer-7")
    place.work()
    again(place)
    unheard(place)
    assert set(ended(place).values()) == {DONE}
    assert (len(vendor.calls), len(vendor.kept)) == (3, 1)
    assert vendor.calls[0].body == vendor.calls[2].body


def test_customer_io_learns_of_a_person_what_is_mapped(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(CustomerIODouble())
    mapping = {"attribute.company": "{{visitor.company_name}}", "marketing_consent": "{{visitor.consent.marketing}}"}
    place.destinations.add(
        "customerio", "C", vendor.settings, events=["$identify"], mapping=mapping, agreement="signed", actor="cli"
    )
    known = {"company_name": "Example GmbH", "email": "Jane@example.com", "consent": {"marketing": False}}
    place.identify(external_id="customer-7", user_properties=known)
    place.work()
    assert set(ended(place).values()) == {DONE}
    told = {"company": "Example GmbH", "email": "jane@example.com", "unsubscribed": True}
    assert vendor.people == {"customer-7": told}
