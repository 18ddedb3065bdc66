"""linkedin: accepted, routed, packed, sent over real HTTP, and read back from its double."""

from contextlib import ExitStack

from ours import clock
from ours.plugin.testing.doubles import Answer
from ours.plugin.testing.doubles.linkedin import LinkedInDouble
from tests.services.conftest import Place
from tests.services.vendors.road import DONE, add, again, buy, ended, pause_and_mend


def test_linkedin_names_the_wrong_event_and_takes_the_others(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(LinkedInDouble())
    add(place, "linkedin", vendor)
    refused = {"status": 422, "message": "Index: 3, ERROR :: /eventId :: is not as we like it\n"}
    vendor.then(Answer(200, {"access_token": "token-0", "expires_in": 5_184_000}), Answer(422, refused))
    for distinct_id in "abcdefg":
        buy(place, distinct_id)
    buy(place, "unread", event_properties={"value": "9,50", "currency": "EUR"})
    place.work()
    wrong = [("rejected", "invalid_eventid"), ("rejected", "invalid_value")]
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 6, *wrong]
    assert len({event["eventId"] for event in vendor.kept}) == len(vendor.kept) == 6
    assert [call.path for call in vendor.calls] == ["/oauth/v2/accessToken", *["/rest/conversionEvents"] * 2]
    assert not [call for call in vendor.calls if b"jane" in call.body]


def test_linkedin_is_behind_and_what_it_takes_for_future_arrives_later(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(LinkedInDouble(now=clock.now_ms() - clock.DAY))
    add(place, "linkedin", vendor)
    buy(place, "a", occurred_at=clock.now_ms() - 2 * clock.DAY)
    buy(place, "ahead")
    place.work()
    assert sorted(ended(place).values()) == [DONE, ("retrying", "invalid_time")]
    vendor.now = clock.now_ms() + clock.DAY
    again(place)
    assert set(ended(place).values()) == {DONE}
    assert [event["eventId"] for event in vendor.kept] == ["a", "ahead"]


def test_linkedin_is_sent_nothing_twice_after_an_answer_that_says_nothing(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(LinkedInDouble())
    add(place, "linkedin", vendor)
    vendor.then(Answer(200, {"access_token": "token-0", "expires_in": 5_184_000}), Answer(200, b"OK"))
    buy(place, "a")
    place.work()
    again(place)
    assert set(ended(place).values()) == {("held", "ambiguous")}
    assert len(vendor.calls) == 2


def test_linkedin_refuses_tokens_and_throttles_and_no_event_is_lost(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(LinkedInDouble())
    add(place, "linkedin", vendor, token="one-of-last-year")
    buy(place, "a")
    pause_and_mend(place, vendor, {"token": "a-refresh-token"}, turns=6)
    vendor.revoked = True
    buy(place, "b")
    place.work()
    vendor.then(Answer(429, {"status": 429}, headers={"Retry-After": "0"}))
    buy(place, "c")
    place.work()
    again(place)
    assert set(ended(place).values()) == {DONE}
    assert (vendor.tokens, sorted(event["eventId"] for event in vendor.kept)) == (2, ["a", "b", "c"])


def test_linkedin_takes_a_token_of_the_campaign_manager_as_it_is(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(LinkedInDouble())
    given = {"endpoint": vendor.url, "conversion_id": "104012", "token": "a-direct-token"}
    place.destinations.add("linkedin", "L", given, events=["*"], actor="cli")
    buy(place, "a")
    place.work()
    assert set(ended(place).values()) == {DONE}
    assert [call.path for call in vendor.calls] == ["/rest/conversionEvents"]
