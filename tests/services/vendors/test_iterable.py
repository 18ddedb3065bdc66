"""iterable: accepted, routed, packed, sent over real HTTP, and read back from its double."""

from contextlib import ExitStack

from ours.plugin.testing.doubles import Answer
from ours.plugin.testing.doubles.iterable import IterableDouble
from tests.services.conftest import Place
from tests.services.vendors.road import DONE, WHO, add, again, buy, ended, unheard


def test_iterable_takes_the_good_and_names_the_bad(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(IterableDouble(disallowed=["Secret"], forgotten=["gone@example.com"]))
    add(place, "iterable", vendor)
    for name in ("jane", "mary", "gone"):
        buy(place, name, user_id=name, user_properties={"email": f"{name}@example.com"})
    buy(place, "local", user_id="local", user_properties={"email": "jane@localhost"})
    buy(place, "nobody", user_id="nobody", user_properties={})
    place.track("Secret", user_id="u5", distinct_id="5", user_properties={"email": "5@example.com"})
    place.work()
    reasons = ["disallowed_event", "forgotten", "invalid_identifier", "no_email"]
    assert sorted(ended(place).values(), key=str) == [DONE, DONE, *(("rejected", one) for one in reasons)]
    assert [len(call.json["events"]) for call in vendor.calls] == [5]
    assert [event["email"] for event in vendor.kept] == ["jane@example.com", "mary@example.com"]
    assert vendor.kept[0]["dataFields"] == {"value": 9.5, "currency": "EUR"}


def test_iterable_learns_of_a_person_what_is_mapped(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(IterableDouble())
    given = {**vendor.settings, "known_by": "user_id"}
    mapping = {"user.company": "{{visitor.company_name}}"}
    place.destinations.add(
        "iterable", "I", given, events=["*", "$identify"], mapping=mapping, agreement="signed", actor="cli"
    )
    place.identify(external_id="customer-7", user_properties={**WHO, "company_name": "Example GmbH"})
    buy(place, "a", user_id=None, external_id="customer-7")
    place.work()
    assert set(ended(place).values()) == {DONE}
    assert vendor.people == {"customer-7": {"company": "Example GmbH", "email": "jane@example.com"}}
    assert [event["userId"] for event in vendor.kept] == ["customer-7"]


def test_iterable_does_not_know_somebody_yet_and_the_event_waits(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(IterableDouble(strict=True))
    add(place, "iterable", vendor)
    buy(place, "a")
    place.work()
    assert set(ended(place).values()) == {("retrying", "not_found")}
    place.identify(user_id="u1", user_properties=WHO)
    place.work()
    again(place)
    assert set(ended(place).values()) == {DONE}


def test_iterable_refuses_a_whole_request_and_only_the_wrong_event_is_rejected(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(IterableDouble())
    mapping = {"campaign_id": "{{event.event_properties.campaign}}", "properties": "{{event.event_properties}}"}
    place.destinations.add(
        "iterable", "I", vendor.settings, events=["*"], mapping=mapping, agreement="signed", actor="cli"
    )
    vendor.then(Answer(400, {"code": "RequestFieldsTypesMismatched", "msg": "size"}))
    for number in range(5):
        buy(place, f"{number}", user_id=f"u{number}", user_properties={"email": f"{number}@example.com"})
    place.work()
    assert set(ended(place).values()) == {DONE}
    assert [len(call.json["events"]) for call in vendor.calls] == [5, 3, 2]
    vendor.then(Answer(400, {"code": "RequestFieldsTypesMismatched", "msg": "size"}))
    buy(place, "odd")
    place.work()
    assert ("rejected", "request_fields_types_mismatched") in ended(place).values()


def test_iterable_keeps_nothing_twice_after_a_throttle_and_an_answer_that_got_lost(
    place: Place, stack: ExitStack
) -> None:
    vendor = stack.enter_context(IterableDouble())
    add(place, "iterable", vendor)
    vendor.then(Answer(429, {"code": "RateLimitExceeded", "msg": "Too many."}))
    buy(place, "a")
    place.work()
    again(place)
    unheard(place)
    assert set(ended(place).values()) == {DONE}
    assert (len(vendor.calls), len(vendor.kept)) == (3, 1)
    assert vendor.calls[0].body == vendor.calls[2].body
