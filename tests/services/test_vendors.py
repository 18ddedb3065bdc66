"""The vendors' destinations all the way: accepted, routed, packed, sent over real HTTP, and read back from a double."""

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, TypeVar

import pytest
import requests
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import rsa

from destinations.pinterest import EVENTS
from ours import clock
from ours.cli.double import find, names
from ours.plugin.testing.doubles import Answer, Call, Double
from ours.plugin.testing.doubles.amplitude import AmplitudeDouble
from ours.plugin.testing.doubles.bigquery import BigQueryDouble
from ours.plugin.testing.doubles.braze import BrazeDouble
from ours.plugin.testing.doubles.customerio import CustomerIODouble
from ours.plugin.testing.doubles.ga4 import GA4Double
from ours.plugin.testing.doubles.google_data_manager import GoogleDataManagerDouble
from ours.plugin.testing.doubles.hubspot import HubSpotDouble
from ours.plugin.testing.doubles.iterable import IterableDouble
from ours.plugin.testing.doubles.klaviyo import KlaviyoDouble
from ours.plugin.testing.doubles.linkedin import LinkedInDouble
from ours.plugin.testing.doubles.meta import MetaDouble
from ours.plugin.testing.doubles.microsoft_uet import MicrosoftUETDouble
from ours.plugin.testing.doubles.mixpanel import MixpanelDouble
from ours.plugin.testing.doubles.pinterest import PinterestDouble
from ours.plugin.testing.doubles.posthog import PostHogDouble
from ours.plugin.testing.doubles.pubsub import PubSubDouble
from ours.plugin.testing.doubles.reddit import RedditDouble
from ours.plugin.testing.doubles.rudderstack import RudderStackDouble
from ours.plugin.testing.doubles.segment import SegmentDouble, basic
from ours.plugin.testing.doubles.snapchat import SnapchatDouble
from ours.plugin.testing.doubles.tiktok import TikTokDouble
from ours.services.overview import Overview
from ours.store.tables import dispatches
from tests.services.conftest import Place

pytestmark = pytest.mark.usefixtures("in_a_hurry")
D = TypeVar("D", bound=Double)
WHO = {"email": "jane@example.com", "user_agent": "Mozilla/5.0"}
SEEN_BY = {"ip": "192.0.2.7", "userAgent": "Mozilla/5.0"}
PAGE = {"current_url": "https://shop.example.com/cart?coupon=7"}


@pytest.fixture
def engine_kind() -> str:
    """SQL is not what these are about."""
    return "sqlite"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def add(place: Place, slug: str, double: Double, **settings: Any) -> None:
    given = {**double.settings, **settings}
    place.destinations.add(slug, "Vendor", given, events=["*", "$identify"], agreement="self-hosted", actor="cli")


def buy(place: Place, distinct_id: str, mode: str = "live", **changes: Any) -> None:
    given = {"user_id": "u1", "distinct_id": distinct_id, "user_properties": WHO, "identity_context": SEEN_BY,
             "default_properties": PAGE, "event_properties": {"value": 9.5, "currency": "EUR"}}  # fmt: skip
    place.track("Purchase", mode, **(given | changes))


def ended(place: Place) -> dict[str, tuple[str, str | None]]:
    """By distinctId, how each dispatch stands. The balance is right, whatever happened."""
    assert place.difference() == 0
    with place.store.read() as connection:
        rows = connection.execute(sa.text(
            "SELECT e.id, d.state, d.reason FROM dispatches d, events e WHERE e.id = d.event_id ORDER BY e.id"
        )).all()  # fmt: skip
    return {f"{number}": (state, reason) for number, (_, state, reason) in enumerate(rows)}


def unheard(place: Place) -> None:
    """As if no answer had come: all of it is sent again."""
    with place.store.write() as connection:
        connection.execute(sa.update(dispatches).values(state="retrying", due_at=1))
    place.work()


def again(place: Place) -> None:
    """What waits for its time is due."""
    with place.store.write() as connection:
        connection.execute(sa.update(dispatches).where(dispatches.c.state == "retrying").values(due_at=1))
    place.work()


def pause_and_mend(place: Place, vendor: Double, settings: Mapping[str, str], turns: int) -> None:
    """Refused so often, the destination pauses and nothing has arrived; with these settings it goes on."""
    for _ in range(turns):
        place.work()
        again(place)
    [destination] = place.destinations.list()
    assert (destination.status, vendor.kept) == ("paused", [])
    place.destinations.update(destination.id, settings=settings, actor="cli")
    place.destinations.resume(destination.id, actor="cli")
    place.work()
    again(place)


DONE = ("delivered", None)


def test_meta_takes_a_batch_of_hashed_purchases_and_drops_a_repeat(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(MetaDouble())
    add(place, "meta", vendor)
    for distinct_id in ("a", "b", "a"):
        buy(place, distinct_id)
    place.work()
    assert set(ended(place).values()) == {DONE}
    assert len(vendor.calls) == 1
    assert sorted(event["event_id"] for event in vendor.kept) == ["a", "b"]
    assert b"jane@example.com" not in vendor.calls[0].body
    assert vendor.kept[0]["event_source_url"] == "https://shop.example.com/"


@pytest.mark.parametrize(
    "where",
    [
        {
            "identity_context": {"ip": "192.0.2.7", "userAgent": "Theirs"},
            "default_properties": PAGE | {"user_agent": "?"},
        },
        {"identity_context": {}, "default_properties": PAGE | {"user_agent": "Theirs"}},
        {"identity_context": {}, "user_properties": {"email": "jane@example.com", "user_agent": "Theirs"}},
    ],
    ids=["identityContext", "defaultProperties", "userProperties"],
)
def test_meta_is_told_the_browser_wherever_the_api_takes_it(
    place: Place, stack: ExitStack, where: dict[str, Any]
) -> None:
    vendor = stack.enter_context(MetaDouble())
    add(place, "meta", vendor)
    buy(place, "a", **where)
    place.work()
    assert [event["user_data"]["client_user_agent"] for event in vendor.kept] == ["Theirs"]


def test_meta_refuses_a_whole_batch_for_one_event_and_only_that_one_is_rejected(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(MetaDouble(now=time.time() + 2 * 86_400))
    add(place, "meta", vendor)
    for distinct_id in "abcdefg":
        buy(place, distinct_id)
    buy(place, "old", occurred_at=clock.now_ms() - 6 * clock.DAY)
    place.work()
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 7, ("rejected", "meta_100_2804003")]
    assert sorted(event["event_id"] for event in vendor.kept) == list("abcdefg")


def test_meta_throttles_and_the_events_wait_and_arrive(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(MetaDouble())
    add(place, "meta", vendor)
    said = {"error": {"code": 4, "message": "Application request limit reached", "is_transient": True}}
    vendor.then(Answer(400, said))
    buy(place, "a")
    place.work()
    again(place)
    assert set(ended(place).values()) == {DONE}
    assert (len(vendor.calls), len(vendor.kept)) == (2, 1)


def test_meta_refuses_a_token_and_no_event_is_lost(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(MetaDouble(token="another"))
    add(place, "meta", vendor, access_token="the-old-one")
    buy(place, "a")
    pause_and_mend(place, vendor, {"access_token": "another"}, turns=6)
    assert (set(ended(place).values()), len(vendor.kept)) == ({DONE}, 1)


def test_mixpanel_keeps_the_good_and_names_the_bad(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(MixpanelDouble())
    add(place, "mixpanel", vendor)
    for distinct_id in "abc":
        buy(place, distinct_id)
    buy(place, "ancient", occurred_at=5)
    place.work()
    assert len(vendor.calls) == 1
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 3, ("rejected", "invalid_properties_time")]
    assert sorted(event["properties"]["$insert_id"] for event in vendor.kept) == list("abc")


def test_mixpanel_imports_nothing_twice_after_an_answer_that_got_lost(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(MixpanelDouble())
    add(place, "mixpanel", vendor)
    buy(place, "a")
    place.work()
    unheard(place)
    assert (len(vendor.calls), len(vendor.kept)) == (2, 1)
    assert vendor.calls[0].body == vendor.calls[1].body


def test_mixpanel_learns_of_a_visitor_what_is_mapped(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(MixpanelDouble())
    mapping = {"$set.company": "{{visitor.company_name}}"}
    place.destinations.add("mixpanel", "M", vendor.settings, events=["$identify"], mapping=mapping, actor="cli")
    place.identify(user_id="u1", user_properties={"company_name": "Example GmbH", "email": "jane@example.com"})
    place.work()
    assert set(ended(place).values()) == {DONE}
    assert vendor.profiles == {hashlib.sha256(b"u1").hexdigest(): {"company": "Example GmbH"}}


def test_mixpanel_refuses_a_token_and_throttles_without_loss(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(MixpanelDouble())
    add(place, "mixpanel", vendor)
    vendor.then(Answer(401, {"code": 401}), Answer(429, {"code": 429}))
    buy(place, "a")
    place.work()
    again(place)
    again(place)
    assert set(ended(place).values()) == {DONE}
    assert len(vendor.calls) == 3


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


def test_posthog_refuses_all_for_one_and_only_that_one_is_rejected(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(PostHogDouble())
    mapping = {"$cookieless_mode": "{{event.event_properties.mode}}"}
    place.destinations.add("posthog", "P", vendor.settings, events=["*"], mapping=mapping, actor="cli")
    for distinct_id in "abc":
        buy(place, distinct_id)
    buy(place, "odd", event_properties={"mode": "odd"})
    buy(place, "unread", event_properties={"value": "9,50"})
    place.work()
    states = sorted(ended(place).values(), key=str)
    assert states == [*[DONE] * 3, ("rejected", "invalid_cookieless_mode"), ("rejected", "invalid_value")]
    assert len(vendor.kept) == 3
    assert vendor.persons == {}


def test_posthog_throttles_and_nothing_is_there_twice(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(PostHogDouble())
    add(place, "posthog", vendor)
    vendor.then(Answer(429, b"rate limited"))
    buy(place, "a")
    place.work()
    again(place)
    unheard(place)
    assert set(ended(place).values()) == {DONE}
    assert (len(vendor.calls), len(vendor.kept)) == (3, 1)
    assert vendor.calls[0].body == vendor.calls[2].body


def test_posthog_over_its_quota_is_left_alone_and_nothing_is_lost(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(PostHogDouble())
    add(place, "posthog", vendor)
    vendor.then(Answer(200, {"status": "Ok", "quota_limited": ["events"]}))
    buy(place, "a")
    place.work()
    buy(place, "b")
    again(place)
    assert {state for state, _ in ended(place).values()} <= {"retrying", "pending"}
    assert (len(vendor.calls), vendor.kept) == (1, [])


def test_posthog_learns_of_a_visitor_what_is_mapped(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(PostHogDouble())
    mapping = {"$set.company": "{{visitor.company_name}}"}
    place.destinations.add("posthog", "P", vendor.settings, events=["$identify"], mapping=mapping, actor="cli")
    place.identify(user_id="u1", user_properties={"company_name": "Example GmbH", "email": "jane@example.com"})
    place.work()
    assert set(ended(place).values()) == {DONE}
    assert vendor.persons == {hashlib.sha256(b"u1").hexdigest(): {"company": "Example GmbH"}}


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


def test_klaviyo_refuses_a_key_and_no_event_is_lost(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(KlaviyoDouble(key="pk_another"))
    add(place, "klaviyo", vendor, private_key="pk_the-old-one")
    buy(place, "a")
    pause_and_mend(place, vendor, {"private_key": "pk_another"}, turns=6)
    assert (set(ended(place).values()), len(vendor.kept)) == ({DONE}, 1)


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


def test_braze_drops_no_repeat_so_a_person_decides_when_an_answer_gets_lost(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(BrazeDouble())
    add(place, "braze", vendor)
    vendor.then(Answer(201, b"{"))
    buy(place, "a")
    place.work()
    again(place)
    assert set(ended(place).values()) == {("held", "ambiguous")}
    assert len(vendor.calls) == 1


def test_braze_throttles_and_refuses_a_key_and_no_event_is_lost(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(BrazeDouble(key="another"))
    add(place, "braze", vendor, api_key="the-old-one")
    vendor.then(Answer(429, {"message": "Rate limited"}, {"X-Ratelimit-Retry-After": "0"}))
    buy(place, "a")
    pause_and_mend(place, vendor, {"api_key": "another"}, turns=7)
    assert (set(ended(place).values()), len(vendor.kept)) == ({DONE}, 1)


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


def test_google_ads_gives_a_token_for_a_claim_and_takes_hashed_conversions(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(GoogleDataManagerDouble())
    add(place, "google_data_manager", vendor)
    for distinct_id in ("a", "b", "a"):
        buy(place, distinct_id)
    place.work()
    assert set(ended(place).values()) == {DONE}
    assert [call.path for call in vendor.calls] == ["/token", "/v1/events:ingest"]
    assert sorted(event["transactionId"] for event in vendor.kept) == ["a", "b"]
    assert b"jane" not in vendor.calls[1].body


def test_meta_and_google_ads_match_two_who_share_an_email_by_it(place: Place, stack: ExitStack) -> None:
    google, meta = stack.enter_context(GoogleDataManagerDouble()), stack.enter_context(MetaDouble())
    add(place, "google_data_manager", google)
    place.destinations.add("meta", "M", meta.settings, events=["*"], actor="cli")
    for child in ("anna", "ben"):
        buy(place, child, user_id=None, external_id=child, email_sha256="e" * 64, user_properties={})
    place.work()
    assert [event["user_data"]["em"] for event in meta.kept] == ["e" * 64] * 2
    assert [event["userData"]["userIdentifiers"] for event in google.kept] == [[{"emailAddress": "e" * 64}]] * 2


def test_google_ads_names_the_wrong_event_and_takes_the_others(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(GoogleDataManagerDouble())
    mapping = {"gclid": "{{event.event_properties.click}}", "email": ""}
    place.destinations.add("google_data_manager", "G", vendor.settings, events=["*"], mapping=mapping, actor="cli")
    for distinct_id, click in (("a", "1"), ("b", "no click!"), ("c", "3")):
        buy(place, distinct_id, event_properties={"click": click})
    place.work()
    assert sorted(ended(place).values(), key=str) == [DONE, DONE, ("rejected", "INVALID_CLICK_ID")]
    assert sorted(event["transactionId"] for event in vendor.kept) == ["a", "c"]
    assert len([call for call in vendor.calls if "ingest" in call.path]) == 2


def test_google_ads_keeps_one_conversion_of_two_tries_whatever_is_mapped(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(GoogleDataManagerDouble())
    given = {"events": ["*", "$identify"], "mapping": {"transaction_id": ""}, "actor": "cli"}
    place.destinations.add("google_data_manager", "G", vendor.settings, **given)
    buy(place, "a")
    place.identify(user_id="u1", user_properties=WHO)
    place.work()
    with place.store.write() as connection:
        delivered = sa.update(dispatches).where(dispatches.c.state == "delivered")
        connection.execute(delivered.values(state="retrying", due_at=1))
    place.work()
    assert sorted(ended(place).values(), key=str) == [DONE, ("stopped", "no_conversion")]
    assert len([call for call in vendor.calls if "ingest" in call.path]) == 2
    assert len(vendor.kept) == 1


def test_google_ads_refuses_a_conversion_without_an_id_as_google_does() -> None:
    with GoogleDataManagerDouble() as vendor:
        body = {
            "destinations": [{}],
            "events": [{"eventTimestamp": "2026-11-18T11:06:35Z", "adIdentifiers": {"gclid": "A"}}],
        }
        answer = vendor._ingest(body)
    assert (answer.status, vendor.kept) == (400, [])


def test_google_ads_token_that_is_good_no_more_is_renewed_at_once(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(GoogleDataManagerDouble())
    add(place, "google_data_manager", vendor)
    buy(place, "a")
    place.work()
    vendor.revoked = True
    buy(place, "b")
    place.work()
    assert set(ended(place).values()) == {DONE}
    assert (vendor.tokens, len(vendor.kept)) == (2, 2)


def test_google_ads_refuses_a_key_or_a_quota_and_no_event_is_lost(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(GoogleDataManagerDouble())
    other = stack.enter_context(GoogleDataManagerDouble(private=rsa.generate_private_key(65537, 2048)))
    stranger = other.key.replace(other.url, vendor.url)
    add(place, "google_data_manager", vendor, service_account=stranger)
    buy(place, "a")
    place.work()
    assert {DONE} != set(ended(place).values())
    [destination] = place.destinations.list()
    place.destinations.update(destination.id, settings={"service_account": vendor.key}, actor="cli")
    quota = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": []}}
    vendor.then(Answer(200, {"access_token": "token-0", "expires_in": 3599}), Answer(429, quota))
    again(place)
    again(place)
    assert set(ended(place).values()) == {DONE}


def test_bigquery_stores_each_event_as_a_row_and_none_twice(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(BigQueryDouble())
    add(place, "bigquery", vendor)
    for distinct_id in "abc":
        buy(place, distinct_id)
    place.work()
    unheard(place)
    assert set(ended(place).values()) == {DONE}
    assert [call.path.rpartition("/")[2] for call in vendor.calls] == ["token", "insertAll", "insertAll"]
    assert sorted(row["data"]["distinctId"] for row in vendor.kept) == list("abc")
    assert {row["type"] for row in vendor.kept} == {"Purchase"}
    assert all(b"jane" not in call.body for call in vendor.calls)


@pytest.mark.parametrize("strict", [False, True])
def test_bigquery_rejects_the_row_that_is_wrong_and_stores_the_others(
    place: Place, stack: ExitStack, strict: bool
) -> None:
    vendor = stack.enter_context(BigQueryDouble(strict=strict))
    add(place, "bigquery", vendor)
    said = [{"reason": "stopped", "location": "", "message": ""}] * 3
    said[1] = {"reason": "invalid", "location": "data", "message": "jane@example.com is no JSON"}
    named = range(3) if strict else [1]
    told = {"insertErrors": [{"index": index, "errors": [said[index]]} for index in named]}
    token = {"access_token": "token-0", "expires_in": 3599}
    vendor.then(Answer(200, token), Answer(200, {"kind": "bigquery#tableDataInsertAllResponse"} | told))
    for distinct_id in "abc":
        buy(place, distinct_id)
    place.work()
    assert sorted(ended(place).values(), key=str) == [DONE, DONE, ("rejected", "invalid")]
    assert len(vendor.kept) == (2 if strict else 0)


def test_bigquery_whose_table_lacks_a_column_pauses_and_no_event_is_lost(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(BigQueryDouble())
    add(place, "bigquery", vendor)
    del vendor.columns["data"]
    for distinct_id in "abc":
        buy(place, distinct_id)
    for _ in range(6):
        place.work()
        again(place)
    [destination] = place.destinations.list()
    assert (destination.status, vendor.kept) == ("paused", [])
    vendor.columns["data"] = "JSON"
    place.destinations.resume(destination.id, actor="cli")
    place.work()
    again(place)
    assert (set(ended(place).values()), len(vendor.kept)) == ({DONE}, 3)


@pytest.mark.parametrize("changed", [{"tenant": "STRING"}, {"occurred_at": "INT64"}])
def test_bigquery_whose_table_asks_for_more_rejects_no_event(
    place: Place, stack: ExitStack, changed: dict[str, str]
) -> None:
    vendor = stack.enter_context(BigQueryDouble())
    add(place, "bigquery", vendor)
    before = dict(vendor.columns)
    vendor.columns |= changed
    buy(place, "a")
    buy(place, "b")
    place.work()
    assert {state for state, _ in ended(place).values()} == {"retrying"}
    vendor.columns = before
    again(place)
    assert (set(ended(place).values()), len(vendor.kept)) == ({DONE}, 2)


def test_bigquery_refuses_a_table_or_a_quota_and_no_event_is_lost(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(BigQueryDouble())
    add(place, "bigquery", vendor, dataset="another")
    buy(place, "a")
    pause_and_mend(place, vendor, {"dataset": "my_dataset"}, turns=6)
    vendor.revoked = True
    buy(place, "b")
    place.work()
    quota = {"error": {"code": 403, "errors": [{"reason": "quotaExceeded"}], "message": "Exceeded quota"}}
    vendor.then(Answer(403, quota))
    buy(place, "c")
    place.work()
    again(place)
    assert sorted(state for state, _ in ended(place).values()) == ["delivered", "delivered", "retrying"]
    assert len(vendor.kept) == 2


def test_bigquery_splits_what_is_too_large_together() -> None:
    with BigQueryDouble() as vendor:
        vendor.tokens = 1
        path = "/bigquery/v2/projects/my-project/datasets/my_dataset/tables/events/insertAll"
        call = Call("POST", path, {}, {"Authorization": "Bearer token-1"}, b"x" * 10_485_761, None)
        assert vendor.take(call).status == 413


@pytest.mark.parametrize("name", ["authorization", "AUTHORIZATION"])
def test_a_double_lets_in_whoever_writes_the_header_in_another_case(name: str) -> None:
    with RudderStackDouble() as vendor:
        events = {"batch": [{"userId": "u1", "type": "track"}]}
        said = requests.post(f"{vendor.url}/v1/batch", json=events, headers={name: basic("a-write-key")}, timeout=5)
    assert (said.status_code, len(vendor.kept)) == (200, 1)


@pytest.mark.parametrize(
    ("slug", "double", "kept"), [("segment", SegmentDouble, 2), ("rudderstack", RudderStackDouble, 4)]
)
def test_segment_takes_each_event_once_and_both_learn_what_is_mapped(
    place: Place, stack: ExitStack, slug: str, double: type[SegmentDouble | RudderStackDouble], kept: int
) -> None:
    vendor = stack.enter_context(double())
    given = {"events": ["*", "$identify"], "mapping": {"traits.company": "{{visitor.company_name}}"}, "actor": "cli"}
    place.destinations.add(slug, "S", vendor.settings, **given)
    for distinct_id in "ab":
        buy(place, distinct_id)
    place.identify(user_id="u1", user_properties={"company_name": "Example GmbH", "email": "jane@example.com"})
    place.work()
    unheard(place)
    assert set(ended(place).values()) == {DONE}
    assert (len(vendor.calls), len(vendor.kept)) == (2, kept)
    assert vendor.people == {hashlib.sha256(b"u1").hexdigest(): {"company": "Example GmbH"}}
    assert all(b"jane" not in call.body for call in vendor.calls)


class PickySegment(SegmentDouble):
    def answer(self, call: Call) -> Answer:
        return Answer(400, {"success": False}) if b"unwanted" in call.body else super().answer(call)


def test_segment_refuses_all_for_one_and_takes_the_others(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(PickySegment())
    add(place, "segment", vendor)
    for order in ("1", "2", "unwanted", "4", "5"):
        buy(place, order, event_properties={"order_id": order})
    buy(place, "unread", event_properties={"value": "9,50"})
    place.work()
    states = sorted(ended(place).values(), key=str)
    assert states == [*[DONE] * 4, ("rejected", "http_400"), ("rejected", "invalid_value")]
    assert sorted(event["properties"]["order_id"] for event in vendor.kept) == ["1", "2", "4", "5"]


def test_segment_throttles_and_the_events_wait_and_arrive(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(SegmentDouble())
    add(place, "segment", vendor)
    vendor.then(Answer(429, b""))
    buy(place, "a")
    place.work()
    again(place)
    assert (set(ended(place).values()), len(vendor.kept)) == ({DONE}, 1)


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


def test_pubsub_publishes_each_event_and_a_repeat_has_the_same_id(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(PubSubDouble())
    add(place, "pubsub", vendor)
    for distinct_id in "ab":
        buy(place, distinct_id)
    place.work()
    assert set(ended(place).values()) == {DONE}
    assert [call.path.rpartition("/")[2] for call in vendor.calls] == ["token", "events:publish"]
    assert sorted(one["data"]["data"]["distinctId"] for one in vendor.kept) == ["a", "b"]
    assert {one["attributes"]["type"] for one in vendor.kept} == {"Purchase"}
    assert "jane" not in str(vendor.kept)
    unheard(place)
    assert (len(vendor.kept), len({one["attributes"]["id"] for one in vendor.kept})) == (4, 2)


def test_pubsub_refuses_all_for_one_and_only_that_one_is_rejected(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(PubSubDouble(unwanted='"unwanted"'))
    add(place, "pubsub", vendor)
    for distinct_id in ("a", "b", "unwanted", "d", "e"):
        buy(place, distinct_id)
    place.track("é" * 1000, user_id="u1", distinct_id="long")
    place.work()
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 5, ("rejected", "INVALID_ARGUMENT")]
    assert sorted(one["data"]["data"]["distinctId"] for one in vendor.kept) == ["a", "b", "d", "e", "long"]


class OddPubSub(PubSubDouble):
    def answer(self, call: Call) -> Answer:
        said = super().answer(call)
        return Answer(200, b'{"messageIds": ["7\\ud800"]}') if call.path.endswith(":publish") else said


def test_a_vendors_word_that_is_no_text_is_kept_as_far_as_it_can_be(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(OddPubSub())
    add(place, "pubsub", vendor)
    buy(place, "a")
    place.work()
    assert (set(ended(place).values()), len(vendor.kept)) == ({DONE}, 1)
    with place.store.read() as connection:
        [[found]] = connection.execute(sa.select(dispatches.c.id)).all()
    [tried] = Overview(place.store, place.registry).dispatch_json(found)["attempts"]
    assert tried["message"] == "7?"


def test_pubsub_refuses_a_topic_or_a_quota_and_no_event_is_lost(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(PubSubDouble())
    add(place, "pubsub", vendor, topic="another")
    buy(place, "a")
    pause_and_mend(place, vendor, {"topic": "events"}, turns=6)
    vendor.revoked = True
    buy(place, "b")
    place.work()
    vendor.then(Answer(429, {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}))
    buy(place, "c")
    place.work()
    again(place)
    assert sorted(state for state, _ in ended(place).values()) == ["delivered", "delivered", "retrying"]
    assert len(vendor.kept) == 2


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


def test_microsoft_counts_nothing_twice_after_an_answer_that_got_lost(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(MicrosoftUETDouble())
    add(place, "microsoft_uet", vendor)
    buy(place, "a")
    place.work()
    unheard(place)
    assert set(ended(place).values()) == {DONE}
    assert (len(vendor.calls), len(vendor.kept)) == (2, 1)


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


@pytest.mark.parametrize("bag", ["default_properties", "event_properties", "user_properties"])
def test_a_click_is_taken_from_the_event_or_else_from_the_visitor(place: Place, bag: str, stack: ExitStack) -> None:
    meta = stack.enter_context(MetaDouble())
    add(place, "meta", meta)
    given = {"default_properties": PAGE, "event_properties": {"value": 1, "currency": "EUR"}, "user_properties": WHO}
    buy(place, "1", **{**given, bag: {**given[bag], "fbc": f"fb.1.1.{bag}"}})
    place.work()
    assert [one["user_data"]["fbc"] for one in meta.kept] == [f"fb.1.1.{bag}"]


@pytest.mark.parametrize("naming", [True, False])
def test_tiktok_refuses_a_whole_batch_for_one_event_and_only_that_one_is_rejected(
    place: Place, stack: ExitStack, naming: bool
) -> None:
    vendor = stack.enter_context(TikTokDouble(naming=naming))
    mapping = {"content_type": "{{event.event_properties.kind}}"}
    place.destinations.add("tiktok", "T", vendor.settings, events=["*", "$identify"], mapping=mapping, actor="cli")
    for distinct_id in "abcde":
        buy(place, distinct_id)
    buy(place, "odd", event_properties={"kind": "a shoe"})
    buy(place, "dear", event_properties={"value": "a lot", "currency": "EUR"})
    place.identify(user_id="u1", user_properties=WHO)
    place.work()
    verdicts = [("rejected", "invalid_value"), ("rejected", "tiktok_40002"), ("stopped", "no_conversion")]
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 5, *verdicts]
    assert sorted(event["event_id"] for event in vendor.kept) == list("abcde")
    assert not any(b"jane@example.com" in call.body for call in vendor.calls)
    assert not naming or len(vendor.calls) == 2


def test_tiktok_is_sent_test_events_one_by_one_and_counts_none(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(TikTokDouble())
    add(place, "tiktok", vendor, test_event_code="TEST1")
    for distinct_id in "ab":
        buy(place, distinct_id)
    place.work()
    assert set(ended(place).values()) == {DONE}
    assert (len(vendor.calls), len(vendor.test_kept), vendor.kept) == (2, 2, [])


def test_tiktok_counts_nothing_twice_after_an_answer_that_got_lost_or_was_partly_a_yes(
    place: Place, stack: ExitStack
) -> None:
    vendor = stack.enter_context(TikTokDouble())
    add(place, "tiktok", vendor)
    vendor.then(Answer(200, {"code": 20001, "message": "Partial success", "request_id": "1", "data": {}}))
    for distinct_id in "ab":
        buy(place, distinct_id)
    place.work()
    assert set(ended(place).values()) == {DONE}
    unheard(place)
    assert set(ended(place).values()) == {DONE}
    assert sorted(event["event_id"] for event in vendor.kept) == ["a", "b"]
    assert len(vendor.calls) == 4


def test_tiktok_throttles_and_refuses_a_token_inside_a_200_and_no_event_is_lost(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(TikTokDouble(token="another"))
    add(place, "tiktok", vendor, access_token="the-old-one")
    vendor.then(Answer(200, {"code": 40100, "message": "Too many requests. Please retry in some time."}))
    buy(place, "a")
    pause_and_mend(place, vendor, {"access_token": "another"}, turns=7)
    assert (set(ended(place).values()), len(vendor.kept)) == ({DONE}, 1)


def test_pinterest_takes_each_event_that_it_is_said_to_know(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(PinterestDouble())
    add(place, "pinterest", vendor)
    for name in EVENTS:
        place.track(name, user_id="u1", distinct_id=name, user_properties=WHO)
    place.work()
    assert set(ended(place).values()) == {DONE}
    assert {event["event_name"] for event in vendor.kept} == EVENTS


@pytest.mark.parametrize("partly", [422, 200])
def test_pinterest_keeps_the_good_and_names_the_bad(place: Place, stack: ExitStack, partly: int) -> None:
    vendor = stack.enter_context(PinterestDouble(partly=partly))
    add(place, "pinterest", vendor, own_events="Booked")
    for distinct_id in "abc":
        buy(place, distinct_id)
    place.track("Booked", user_id="u1", distinct_id="unheard of", user_properties=WHO)
    place.track("Oncology", user_id="u1", distinct_id="unknown", user_properties=WHO)
    place.identify(user_id="u1", user_properties=WHO)
    place.work()
    verdicts = [("rejected", "pinterest_failed"), ("rejected", "unknown_event_name"), ("stopped", "no_conversion")]
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 3, *verdicts]
    assert sorted(event["event_id"] for event in vendor.kept) == list("abc")
    assert len(vendor.calls) == 1
    assert not any(secret in vendor.calls[0].body for secret in (b"jane@example.com", b"192.0.2.7", b"coupon"))


def test_pinterest_refuses_a_whole_request_and_only_the_wrong_event_is_rejected(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(PinterestDouble(unwanted="c"))
    add(place, "pinterest", vendor)
    for distinct_id in "abcde":
        buy(place, distinct_id)
    place.work()
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 4, ("rejected", "pinterest_4196")]
    assert sorted(event["event_id"] for event in vendor.kept) == list("abde")


def test_pinterest_answers_and_the_answer_gets_lost_so_a_person_decides(place: Place, stack: ExitStack) -> None:
    """It would count a repeat, so nothing is sent twice by itself."""
    vendor = stack.enter_context(PinterestDouble())
    add(place, "pinterest", vendor)
    vendor.then(Answer(200, b"{"))
    buy(place, "a")
    place.work()
    again(place)
    assert set(ended(place).values()) == {("held", "ambiguous")}
    assert len(vendor.calls) == 1


def test_pinterest_checks_a_test_and_records_none(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(PinterestDouble())
    add(place, "pinterest", vendor, test_mode="true")
    buy(place, "a")
    place.work()
    assert set(ended(place).values()) == {DONE}
    assert (len(vendor.test_kept), vendor.kept) == (1, [])


def test_pinterest_throttles_and_refuses_a_token_and_no_event_is_lost(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(PinterestDouble())
    add(place, "pinterest", vendor)
    vendor.then(Answer(429, {"code": 8, "message": "This request exceeded a rate limit."}), Answer(401, {"code": 2}))
    buy(place, "a")
    place.work()
    again(place)
    again(place)
    assert set(ended(place).values()) == {DONE}
    assert (len(vendor.calls), len(vendor.kept)) == (3, 1)


def test_snapchat_takes_a_batch_of_hashed_purchases_and_no_other_name(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(SnapchatDouble())
    add(place, "snapchat", vendor)
    for distinct_id in "abc":
        buy(place, distinct_id)
    place.track("Oncology", user_id="u1", distinct_id="unknown", user_properties=WHO)
    place.identify(user_id="u1", user_properties=WHO)
    place.work()
    verdicts = [("rejected", "unknown_event_name"), ("stopped", "no_conversion")]
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 3, *verdicts]
    assert sorted(event["event_id"] for event in vendor.kept) == list("abc")
    assert len(vendor.calls) == 1
    assert not any(secret in vendor.calls[0].body for secret in (b"jane@example.com", b"192.0.2.7", b"coupon"))


@pytest.mark.parametrize("refusing", [400, 200])
def test_snapchat_refuses_a_whole_request_and_only_the_wrong_event_is_rejected(
    place: Place, stack: ExitStack, refusing: int
) -> None:
    vendor = stack.enter_context(SnapchatDouble(unwanted="c", refusing=refusing))
    add(place, "snapchat", vendor)
    for distinct_id in "abcde":
        buy(place, distinct_id)
    place.work()
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 4, ("rejected", "snapchat_invalid_event")]
    assert sorted(event["event_id"] for event in vendor.kept) == list("abde")


def test_snapchat_refuses_each_event_and_all_are_rejected(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(SnapchatDouble(now=1.0))
    add(place, "snapchat", vendor)
    for distinct_id in "abc":
        buy(place, distinct_id)
    place.work()
    assert list(ended(place).values()) == [("rejected", "snapchat_invalid_event")] * 3
    assert vendor.kept == []


def test_snapchat_answers_and_the_answer_gets_lost_so_a_person_decides(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(SnapchatDouble())
    add(place, "snapchat", vendor)
    vendor.then(Answer(200, b"{"))
    buy(place, "a")
    place.work()
    again(place)
    assert set(ended(place).values()) == {("held", "ambiguous")}
    assert len(vendor.calls) == 1


def test_snapchat_checks_a_test_and_counts_none(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(SnapchatDouble())
    add(place, "snapchat", vendor, test_mode="true")
    for distinct_id in "ab":
        buy(place, distinct_id)
    place.work()
    assert set(ended(place).values()) == {DONE}
    assert (len(vendor.test_kept), vendor.kept, len(vendor.calls)) == (2, [], 2)


def test_snapchat_throttles_and_refuses_a_token_and_no_event_is_lost(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(SnapchatDouble(token="another"))
    add(place, "snapchat", vendor, access_token="the-old-one")
    vendor.then(Answer(429))
    buy(place, "a")
    pause_and_mend(place, vendor, {"access_token": "another"}, turns=7)
    assert (set(ended(place).values()), len(vendor.kept)) == ({DONE}, 1)


def test_reddit_takes_a_batch_of_hashed_purchases_and_drops_a_repeat(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(RedditDouble())
    add(place, "reddit", vendor, own_events="Booked")
    for distinct_id in ("a", "b", "a"):
        buy(place, distinct_id)
    place.track("Booked", user_id="u1", distinct_id="own", user_properties=WHO)
    place.track("Oncology", user_id="u1", distinct_id="unknown", user_properties=WHO)
    place.identify(user_id="u1", user_properties=WHO)
    place.work()
    verdicts = [("rejected", "unknown_event_name"), ("stopped", "no_conversion")]
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 3, *verdicts]
    assert sorted(event["metadata"]["conversion_id"] for event in vendor.kept) == ["a", "b", "own"]
    assert len(vendor.calls) == 1
    assert not any(secret in vendor.calls[0].body for secret in (b"jane@example.com", b"192.0.2.7", b"coupon"))


@pytest.mark.parametrize(("naming", "calls"), [(True, 2), (False, 5)])
def test_reddit_refuses_a_whole_request_and_only_the_wrong_event_is_rejected(
    place: Place, stack: ExitStack, naming: bool, calls: int
) -> None:
    vendor = stack.enter_context(RedditDouble(now=clock.now_ms() + 2 * clock.DAY, naming=naming))
    add(place, "reddit", vendor)
    for distinct_id in "abc":
        buy(place, distinct_id)
    buy(place, "old", occurred_at=clock.now_ms() - 6 * clock.DAY)
    place.work()
    assert sorted(ended(place).values(), key=str) == [*[DONE] * 3, ("rejected", "http_400")]
    assert sorted(event["metadata"]["conversion_id"] for event in vendor.kept) == list("abc")
    assert len(vendor.calls) == calls


def test_reddit_refuses_each_event_and_all_are_rejected(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(RedditDouble(now=1))
    add(place, "reddit", vendor)
    for distinct_id in "abc":
        buy(place, distinct_id)
    place.work()
    assert list(ended(place).values()) == [("rejected", "http_400")] * 3
    assert vendor.kept == []


def test_reddit_takes_nothing_twice_after_an_answer_that_got_lost(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(RedditDouble())
    add(place, "reddit", vendor)
    buy(place, "a")
    buy(place, "b")
    place.work()
    assert set(ended(place).values()) == {DONE}
    unheard(place)
    assert set(ended(place).values()) == {DONE}
    assert sorted(event["metadata"]["conversion_id"] for event in vendor.kept) == ["a", "b"]
    assert len(vendor.calls) == 2


def test_reddit_shows_a_test_one_event_a_request_and_counts_none(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(RedditDouble())
    add(place, "reddit", vendor, test_id="t2_test")
    for distinct_id in "ab":
        buy(place, distinct_id)
    place.work()
    assert set(ended(place).values()) == {DONE}
    assert (len(vendor.test_kept), vendor.kept, len(vendor.calls)) == (2, [], 2)


def test_reddit_throttles_and_refuses_a_token_and_no_event_is_lost(place: Place, stack: ExitStack) -> None:
    vendor = stack.enter_context(RedditDouble(token="another"))
    add(place, "reddit", vendor, access_token="the-old-one")
    vendor.then(Answer(429))
    buy(place, "a")
    pause_and_mend(place, vendor, {"access_token": "another"}, turns=7)
    assert (set(ended(place).values()), len(vendor.kept)) == ({DONE}, 1)


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


@pytest.mark.parametrize(("slug", "key"), [("hubspot", "access_token"), ("iterable", "api_key")])
def test_a_crm_refuses_a_key_and_goes_on_with_another(place: Place, stack: ExitStack, slug: str, key: str) -> None:
    vendor = stack.enter_context(find(slug)())
    add(place, slug, vendor, **{key: "wrong"})
    for number in range(6):
        buy(place, f"{number}", user_id=f"u{number}", user_properties={"email": f"{number}@example.com"})
    pause_and_mend(place, vendor, vendor.settings, 6)
    assert set(ended(place).values()) == {DONE}
    assert len(vendor.kept) == 6


@pytest.mark.parametrize("slug", names())
def test_a_test_event_reaches_no_vendor(place: Place, stack: ExitStack, slug: str) -> None:
    vendor = stack.enter_context(find(slug)())
    add(place, slug, vendor)
    buy(place, "a", mode="test")
    place.work()
    assert (set(ended(place).values()), vendor.calls) == ({("sunk", "test_mode")}, [])


@pytest.mark.parametrize("slug", ["hubspot", "iterable"])
def test_what_a_test_says_of_a_person_reaches_no_crm(place: Place, stack: ExitStack, slug: str) -> None:
    vendor = stack.enter_context(find(slug)())
    add(place, slug, vendor)
    buy(place, "a", mode="test")
    place.identify(mode="test", user_id="u1", user_properties=WHO)
    place.work()
    assert {state for state, _ in ended(place).values()} == {"sunk"}
    assert vendor.calls == []
