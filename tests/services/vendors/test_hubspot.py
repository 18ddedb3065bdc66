"""hubspot: accepted, routed, packed, sent over real HTTP, and read back from its double."""

from contextlib import ExitStack

from ours.plugin.testing.doubles import Answer, Call
from ours.plugin.testing.doubles.hubspot import HubSpotDouble
from tests.services.conftest import Place
from tests.services.vendors.road import DONE, WHO, add, again, buy, ended, unheard


def test_hubspot_learns_of_a_contact_what_is_mapped_and_what_they_do(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(HubSpotDouble())
    mapping = {"contact.company": "{{visitor.company_name}}"}
    place.destinations.add(
        "hubspot", "H", vendor.settings, events=["*", "$identify"], mapping=mapping, agreement="signed", actor="cli"
    )
    place.identify(user_id="u1", user_properties={**WHO, "company_name": "Example GmbH"})
    buy(place, "a")
    buy(place, "b")
    place.identify(user_id="u1", user_properties={"company_name": "Example AG"})
    place.work()
    assert set(ended(place).values()) == {DONE}
    assert sorted(len(call.json["inputs"]) for call in vendor.calls) == [1, 2]
    assert vendor.contacts == {"jane@example.com": {"email": "jane@example.com", "company": "Example AG"}}
    assert [event["eventName"] for event in vendor.kept] == ["pe1234567_purchase"] * 2
    assert all(event["properties"] == {} for event in vendor.kept)


def test_hubspot_refuses_a_whole_request_and_only_the_wrong_event_is_rejected(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(HubSpotDouble(defined={"purchase"}))
    add(place, "hubspot", vendor)
    for number in range(5):
        buy(place, f"{number}", user_id=f"u{number}", user_properties={"email": f"{number}@example.com"})
    place.track("Undefined", user_id="u9", distinct_id="9", user_properties={"email": "9@example.com"})
    place.track("Purchase", user_id="u8", distinct_id="8")
    place.work()
    verdicts = [("rejected", "no_identifier"), ("rejected", "object_not_found")]
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 5, *verdicts]
    assert sorted(event["email"] for event in vendor.kept) == [f"{number}@example.com" for number in range(5)]


class Walled(HubSpotDouble):
    """Behind a firewall that answers with a page of its own where it finds what it looks for."""

    unwanted = b"4@example.com"

    def answer(self, call: Call) -> Answer:
        return Answer(400, b"<html>Blocked</html>") if self.unwanted in call.body else super().answer(call)


def test_a_firewall_that_refuses_one_event_keeps_no_other_and_pauses_nothing(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(Walled())
    add(place, "hubspot", vendor)
    for number in range(6):
        buy(place, f"{number}", user_id=f"u{number}", user_properties={"email": f"{number}@example.com"})
    place.work()
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 5, ("retrying", "not_the_api")]
    assert place.destinations.list()[0].status == "on"


def test_one_that_refuses_all_pauses_it_and_costs_no_event(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(Walled())
    vendor.unwanted = b"@"
    add(place, "hubspot", vendor)
    for number in range(6):
        buy(place, f"{number}", user_id=f"u{number}", user_properties={"email": f"{number}@example.com"})
    place.work()
    assert set(ended(place).values()) == {("retrying", "not_the_api")}
    assert (place.destinations.list()[0].status, len(vendor.calls)) == ("paused", 11)


def test_hubspot_keeps_the_good_contacts_and_names_the_bad(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(HubSpotDouble(known=()))
    mapping = {"contact.plan": "{{visitor.custom_properties.plan}}"}
    place.destinations.add(
        "hubspot", "H", vendor.settings, events=["$identify"], mapping=mapping, agreement="signed", actor="cli"
    )
    for name, more in (("jane", {}), ("mary", {"custom_properties": {"plan": "gold"}})):
        place.identify(user_id=name, user_properties={"email": f"{name}@example.com", **more})
    place.identify(user_id="local", user_properties={"email": "jane@localhost"})
    place.work()
    wrong = [("rejected", "invalid_email"), ("rejected", "property_doesnt_exist")]
    assert sorted(ended(place).values(), key=str) == [DONE, *wrong]
    assert (len(vendor.calls), list(vendor.contacts)) == (1, ["jane@example.com"])


def test_hubspot_takes_nothing_twice_after_a_throttle_and_an_answer_that_got_lost(
    place: Place, stack: ExitStack
) -> None:
    vendor = stack.enter_context(HubSpotDouble())
    add(place, "hubspot", vendor)
    vendor.then(Answer(429, {"category": "RATE_LIMITS"}, {"Retry-After": "0"}), Answer(423))
    buy(place, "a")
    place.work()
    again(place)
    again(place)
    unheard(place)
    assert set(ended(place).values()) == {DONE}
    assert (len(vendor.calls), len(vendor.kept)) == (4, 1)
    assert vendor.calls[2].body == vendor.calls[3].body
