"""braze: accepted, routed, packed, sent over real HTTP, and read back from its double."""

from contextlib import ExitStack

from ours.plugin.testing.doubles import Answer
from ours.plugin.testing.doubles.braze import BrazeDouble
from tests.services.conftest import Place
from tests.services.vendors.road import DONE, add, buy, ended


def test_braze_takes_the_good_and_names_the_bad_each_in_its_list(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(BrazeDouble())
    mapping = {"product_id": "{{event.event_properties.product}}", "story": "{{event.event_properties.story}}"}
    given = {"events": ["*", "$identify"], "mapping": mapping, "agreement": "signed", "actor": "cli"}
    place.destinations.add("braze", "B", vendor.settings, **given)
    for distinct_id in "ab":
        buy(place, distinct_id, external_id="customer-7")
    buy(place, "bought", event_properties={"product": "Shoe", "value": 9.5, "currency": "EUR"})
    buy(place, "priceless", event_properties={"product": "Shoe"})
    buy(place, "nobody", user_id="u2", user_properties={})
    place.identify(user_id="u3", external_id="customer-8", user_properties={"email": "joe@example.com"})
    buy(place, "test", mode="test")
    vendor.then(Answer(201, {"message": "success", "errors": [{"type": "No.", "input_array": "events", "index": 1}]}))
    place.work()
    wrong = [("rejected", "no_identifier"), ("rejected", "no_value"), ("rejected", "refused"), ("sunk", "test_mode")]
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 3, *wrong]
    [call] = vendor.calls
    assert {kind: len(objects) for kind, objects in call.json.items()} == {"events": 2, "purchases": 1, "attributes": 1}
    assert call.json["purchases"][0]["price"] == 9.5


def test_braze_refuses_a_whole_request_and_only_the_wrong_event_is_rejected(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(BrazeDouble())
    add(place, "braze", vendor)
    for number in range(76):
        buy(place, f"{number}", external_id="customer-7")
    vendor.then(Answer(400, {"message": "Max Input Length Exceeded"}), Answer(400, {
        "message": "No.", "errors": [{"type": "No.", "input_array": "events", "index": 0}]}))  # fmt: skip
    place.work()
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 75, ("rejected", "refused")]
    assert len(vendor.kept) == 75


def test_braze_learns_of_a_person_what_is_mapped(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(BrazeDouble())
    mapping = {"attribute.company": "{{visitor.company_name}}", "marketing_consent": "{{visitor.consent.marketing}}"}
    place.destinations.add(
        "braze", "B", vendor.settings, events=["$identify"], mapping=mapping, agreement="signed", actor="cli"
    )
    known = {"company_name": "Example GmbH", "email": "Jane@example.com", "consent": {"marketing": False}}
    place.identify(external_id="customer-7", user_properties=known | {"city": "Lyon"})
    place.work()
    assert set(ended(place).values()) == {DONE}
    no = {"email_subscribe": "unsubscribed", "push_subscribe": "unsubscribed"}
    told = {"external_id": "customer-7", "email": "jane@example.com", "company": "Example GmbH", **no}
    assert vendor.people == {"customer-7": told}
