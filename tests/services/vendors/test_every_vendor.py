"""What holds of every vendor, or of several."""

from contextlib import ExitStack
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from ours.cli.double import find, names
from ours.plugin.testing.doubles import Answer, Call
from ours.plugin.testing.doubles.google_data_manager import GoogleDataManagerDouble
from ours.plugin.testing.doubles.meta import MetaDouble
from ours.plugin.testing.doubles.pubsub import PubSubDouble
from ours.plugin.testing.doubles.rudderstack import RudderStackDouble
from ours.plugin.testing.doubles.segment import basic
from ours.services.overview import Overview
from ours.store.tables import dispatches
from tests.services.conftest import Place
from tests.services.vendors.road import DONE, PAGE, WHO, add, again, buy, ended, pause_and_mend, unheard

_TOO_FAST = Answer(429, {"message": "Rate limited"}, {"Retry-After": "0", "X-Ratelimit-Retry-After": "0"})
_TOO_FAST_FOR_TIKTOK = Answer(200, {"code": 40100, "message": "Too many requests. Please retry in some time."})
_KNOW_REPEATS = ["amplitude", "bigquery", "customerio", "klaviyo", "meta", "microsoft_uet", "mixpanel", "reddit",
                 "tiktok"]  # fmt: skip


@pytest.mark.parametrize(
    ("slug", "key", "before"),
    [
        ("braze", "api_key", [_TOO_FAST]),
        ("hubspot", "access_token", []),
        ("iterable", "api_key", []),
        ("klaviyo", "private_key", []),
        ("meta", "access_token", []),
        ("reddit", "access_token", [_TOO_FAST]),
        ("snapchat", "access_token", [_TOO_FAST]),
        ("tiktok", "access_token", [_TOO_FAST_FOR_TIKTOK]),
    ],
)
def test_a_key_that_is_refused_pauses_the_destination_and_costs_no_event(
    place: Place, stack: ExitStack, slug: str, key: str, before: list[Answer]
) -> None:
    vendor = stack.enter_context(find(slug)())
    add(place, slug, vendor, **{key: "pk_the-old-one"})
    vendor.then(*before)
    for number in range(3):
        buy(place, f"{number}", user_id=f"u{number}", user_properties=WHO | {"email": f"{number}@example.com"})
    pause_and_mend(place, vendor, vendor.settings, turns=6 + len(before))
    assert (set(ended(place).values()), len(vendor.kept)) == ({DONE}, 3)


@pytest.mark.parametrize("slug", _KNOW_REPEATS)
def test_nothing_counts_twice_after_an_answer_that_got_lost(place: Place, stack: ExitStack, slug: str) -> None:
    vendor = stack.enter_context(find(slug)())
    add(place, slug, vendor)
    buy(place, "a")
    buy(place, "b")
    place.work()
    assert set(ended(place).values()) == {DONE}
    before = len(vendor.calls)
    unheard(place)
    assert set(ended(place).values()) == {DONE}
    assert len(vendor.calls) > before
    assert len(vendor.kept) == 2


@pytest.mark.parametrize(("slug", "said"), [("braze", 201), ("pinterest", 200), ("snapchat", 200)])
def test_a_person_decides_on_a_lost_answer_where_a_repeat_would_count(
    place: Place, stack: ExitStack, slug: str, said: int
) -> None:
    vendor = stack.enter_context(find(slug)())
    add(place, slug, vendor)
    vendor.then(Answer(said, b"{"))
    buy(place, "a")
    place.work()
    again(place)
    assert set(ended(place).values()) == {("held", "ambiguous")}
    assert len(vendor.calls) == 1


@pytest.mark.parametrize(
    ("slug", "setting", "value", "calls"),
    [
        ("pinterest", "test_mode", "true", 1),
        ("reddit", "test_id", "t2_test", 2),
        ("snapchat", "test_mode", "true", 2),
        ("tiktok", "test_event_code", "TEST1", 2),
    ],
)
def test_a_vendors_own_test_mode_shows_events_and_counts_none(
    place: Place, stack: ExitStack, slug: str, setting: str, value: str, calls: int
) -> None:
    vendor: Any = stack.enter_context(find(slug)())
    add(place, slug, vendor, **{setting: value})
    for distinct_id in "ab":
        buy(place, distinct_id)
    place.work()
    assert set(ended(place).values()) == {DONE}
    assert (len(vendor.test_kept), vendor.kept, len(vendor.calls)) == (2, [], calls)


class OddPubSub(PubSubDouble):
    def answer(self, call: Call) -> Answer:
        said = super().answer(call)
        return Answer(200, b'{"messageIds": ["7\\ud800"]}') if call.path.endswith(":publish") else said


def test_meta_and_google_ads_match_two_who_share_an_email_by_it(place: Place, stack: ExitStack) -> None:
    google, meta = stack.enter_context(GoogleDataManagerDouble()), stack.enter_context(MetaDouble())
    add(place, "google_data_manager", google)
    place.destinations.add("meta", "M", meta.settings, events=["*"], actor="cli")
    for child in ("anna", "ben"):
        buy(place, child, user_id=None, external_id=child, email_sha256="e" * 64, user_properties={})
    place.work()
    assert [event["user_data"]["em"] for event in meta.kept] == ["e" * 64] * 2
    assert [event["userData"]["userIdentifiers"] for event in google.kept] == [[{"emailAddress": "e" * 64}]] * 2


@pytest.mark.parametrize("name", ["authorization", "AUTHORIZATION"])
def test_a_double_lets_in_whoever_writes_the_header_in_another_case(name: str) -> None:
    with RudderStackDouble() as vendor:
        events = {"batch": [{"userId": "u1", "type": "track"}]}
        said = requests.post(f"{vendor.url}/v1/batch", json=events, headers={name: basic("a-write-key")}, timeout=5)
    assert (said.status_code, len(vendor.kept)) == (200, 1)


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


@pytest.mark.parametrize("bag", ["default_properties", "event_properties", "user_properties"])
def test_a_click_is_taken_from_the_event_or_else_from_the_visitor(place: Place, bag: str, stack: ExitStack) -> None:
    meta = stack.enter_context(MetaDouble())
    add(place, "meta", meta)
    given = {"default_properties": PAGE, "event_properties": {"value": 1, "currency": "EUR"}, "user_properties": WHO}
    buy(place, "1", **{**given, bag: {**given[bag], "fbc": f"fb.1.1.{bag}"}})
    place.work()
    assert [one["user_data"]["fbc"] for one in meta.kept] == [f"fb.1.1.{bag}"]


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
