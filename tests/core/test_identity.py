"""Whose an event is: attaching, merging, and what is kept of a visitor."""

import hashlib
import json
from typing import Any

import pytest

from ours.core.emails import hashed
from ours.core.identity import Facts, Record, Resolution, consent
from ours.core.identity.consent import Said
from tests.core.shelf import Shelf

JANE = hashlib.sha256(b"jane@example.com").hexdigest()
NUMBERS = iter(range(1, 10**9))


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def facts(**values: Any) -> Facts:
    number = next(NUMBERS)
    return Facts(**({"event_id": f"{number:032x}", "mode": "live", "at": number} | values))


def route(shelf: Shelf, **values: Any) -> Resolution:
    return shelf.run([facts(**values)])[0]


def owner(shelf: Shelf, **values: Any) -> Record:
    return shelf.visitor(route(shelf, **values).visitor_id)


def categories(accepted: list[str], rejected: list[str]) -> dict[str, Any]:
    return {"consent": {"accepted_categories": accepted, "rejected_categories": rejected}}


ADS_ARE_FINE, NO_ADS = categories(["advertising"], []), categories([], ["advertising"])


def test_a_user_id_names_the_visitor_as_it_is(shelf: Shelf) -> None:
    first, again = route(shelf, user_id="user123"), route(shelf, user_id="user123")
    assert first == again
    assert shelf.named("user123").profile["id"] == "user123"


def test_without_a_user_id_a_new_visitor_is_called_by_its_event(shelf: Shelf) -> None:
    event = facts(external_id="crm-1")
    [resolution] = shelf.run([event])
    assert shelf.visitor(resolution.visitor_id).profile["id"] == event.event_id
    assert route(shelf, user_id=event.event_id).visitor_id == resolution.visitor_id


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"external_id": "crm-1"}, {"user_properties": {"external_id": " crm-1 "}}),
        ({"email_sha256": JANE}, {"user_properties": {"email": " Jane@Example.com"}}),
        (
            {"user_properties": {"phone_number": "+1 (555) 010-0000"}},
            {"user_properties": {"phone_number": 15550100000}},
        ),
    ],
    ids=["external", "email", "phone"],
)
def test_an_identifier_finds_its_visitor_again(shelf: Shelf, first: dict[str, Any], second: dict[str, Any]) -> None:
    assert route(shelf, **first).visitor_id == route(shelf, **second).visitor_id


def test_a_top_level_identifier_comes_before_its_twin_in_the_properties(shelf: Shelf) -> None:
    found = route(shelf, external_id="crm-1", user_properties={"external_id": "crm-2"})
    assert shelf.visitor(found.visitor_id).external_id == "crm-1"
    assert found.notes == ["identifier_ignored:external"]
    assert shelf.holder("external", "crm-2") is None


def test_an_external_id_counts_before_an_email_and_an_email_before_a_phone(shelf: Shelf) -> None:
    by_email = route(shelf, email_sha256=JANE).visitor_id
    by_phone = route(shelf, user_properties={"phone_number": "15550100000"}).visitor_id
    met = route(shelf, email_sha256=JANE, user_properties={"phone_number": "15550100000"})
    assert met.visitor_id == by_email
    assert by_phone != by_email
    assert met.notes == ["visitors_merged"]


def test_an_unknown_external_id_falls_through_to_a_known_email(shelf: Shelf) -> None:
    known = route(shelf, email_sha256=JANE).visitor_id
    assert route(shelf, external_id="crm-1", email_sha256=JANE) == Resolution(known, [])
    assert route(shelf, external_id="crm-1").visitor_id == known


def test_an_identifier_of_another_visitor_merges_the_younger_into_the_older(shelf: Shelf) -> None:
    older = route(shelf, user_id="web", user_properties={"first_name": "Jane", "custom_properties": {"plan": "pro"}})
    younger = route(
        shelf,
        email_sha256=JANE,
        user_properties={"first_name": "J.", "city": "Paris", "custom_properties": {"plan": "free", "seats": 3}},
    )
    met = route(shelf, user_id="web", email_sha256=JANE, user_properties={"city": "Rome"})
    assert met == Resolution(older.visitor_id, ["visitors_merged"])
    assert shelf.visitor(younger.visitor_id).id == older.visitor_id
    assert shelf.named("web").profile == {
        "id": "web",
        "email_sha256": JANE,
        "properties": {"first_name": "Jane", "city": "Rome", "custom_properties": {"plan": "pro", "seats": 3}},
    }


def test_an_alias_keeps_nothing_but_its_name(shelf: Shelf) -> None:
    route(shelf, email_sha256=JANE)
    route(shelf, user_id="web", user_properties={"first_name": "Jane"})
    route(shelf, user_id="web", email_sha256=JANE)
    [alias] = [record for record in shelf.records() if record.alias_of]
    assert alias.profile == {"id": "web", "properties": {}}


def test_a_user_id_that_names_an_alias_leads_to_the_root(shelf: Shelf) -> None:
    root = route(shelf, email_sha256=JANE).visitor_id
    route(shelf, user_id="web", email_sha256=JANE)
    assert route(shelf, user_id="web").visitor_id == root


def test_age_goes_by_the_event_that_made_a_visitor_not_by_who_names_it(shelf: Shelf) -> None:
    younger = facts(user_id="young")
    older = facts(event_id="0" * 32, user_id="old")
    shelf.run([younger, older])
    route(shelf, user_id="young", email_sha256=JANE)
    assert route(shelf, user_id="old", email_sha256=JANE).visitor_id == shelf.named("old").id
    assert shelf.named("young").profile["id"] == "old"


def test_visitors_with_different_external_ids_are_not_merged_by_a_shared_email(shelf: Shelf) -> None:
    one = route(shelf, external_id="crm-1", email_sha256=JANE)
    other = route(shelf, external_id="crm-2", email_sha256=JANE)
    assert one.visitor_id != other.visitor_id
    assert other.notes == ["identifier_conflict:email"]
    holder = shelf.holder("email", JANE)
    assert holder is not None
    assert holder.external_id == "crm-1"


def test_a_user_id_wins_over_an_external_id_that_its_visitor_does_not_carry(shelf: Shelf) -> None:
    mine = route(shelf, user_id="web", external_id="crm-1")
    assert route(shelf, user_id="web", external_id="crm-2") == Resolution(
        mine.visitor_id, ["identifier_conflict:external"]
    )
    assert shelf.named("web").external_id == "crm-1"
    assert route(shelf, external_id="crm-2").visitor_id != mine.visitor_id


BOB = hashed("bob@example.com")


def test_who_signs_in_on_a_shared_device_leaves_nothing_with_its_first_visitor(shelf: Shelf) -> None:
    alice = {"first_name": "Alice", "email": "jane@example.com"}
    mine = route(shelf, user_id="web", external_id="crm-1", email_sha256=JANE, user_properties=alice)
    known = shelf.named("web").profile
    bob = {"first_name": "Bob", "email": "bob@example.com", "phone_number": "15550100000", "city": None}
    shared = route(shelf, user_id="web", external_id="crm-2", email_sha256=BOB, user_properties=bob)
    assert shared == Resolution(mine.visitor_id, ["identifier_conflict:external"])
    assert shelf.named("web").profile == known
    assert shelf.holder("phone", "15550100000") is None
    own = route(shelf, external_id="crm-2", email_sha256=BOB)
    assert own.visitor_id != mine.visitor_id
    assert own.notes == []
    assert route(shelf, email_sha256=BOB).visitor_id == own.visitor_id


def test_an_external_id_that_another_visitor_holds_leaves_nothing_either(shelf: Shelf) -> None:
    mine, other = route(shelf, user_id="web", external_id="crm-1"), route(shelf, external_id="crm-2")
    shared = route(shelf, user_id="web", external_id="crm-2", email_sha256=BOB, user_properties={"city": "Rome"})
    assert shared == Resolution(mine.visitor_id, ["identifier_conflict:external"])
    assert shelf.holder("email", BOB or "") is None
    assert [shelf.visitor(one.visitor_id).profile["properties"] for one in (mine, other)] == [{}, {}]


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({}, {"consent": {"rejected_categories": ["advertising"]}}),
        (ADS_ARE_FINE, NO_ADS),
        (categories(["sale"], ["chat"]), categories(["sale"], ["chat", "advertising"])),
    ],
    ids=["nothing", "accepted", "rejected"],
)
def test_on_a_shared_device_a_rejection_counts_and_an_acceptance_does_not(
    shelf: Shelf, before: dict[str, Any], now: dict[str, Any]
) -> None:
    route(shelf, user_id="web", external_id="crm-1", user_properties=before)
    told = categories(["chat", "analytics"], ["advertising"])
    assert owner(shelf, user_id="web", external_id="crm-2", user_properties=told).profile["properties"] == now


def test_of_more_rejections_than_are_kept_the_latest_stay(shelf: Shelf) -> None:
    route(shelf, user_id="web", external_id="crm-1")
    for start in range(0, 1500, 250):
        names = ["advertising", *map(str, range(start, start + 249))]
        route(shelf, user_id="web", external_id="crm-2", user_properties=categories([], names))
    kept = shelf.named("web").profile["properties"]["consent"]["rejected_categories"]
    assert len(kept) == 1000
    assert kept[-250:] == names


def test_a_rejection_on_a_shared_device_survives_a_merger(shelf: Shelf) -> None:
    route(shelf, user_id="web", external_id="crm-1", user_properties=ADS_ARE_FINE)
    route(shelf, email_sha256=JANE, user_properties=categories(["advertising", "sale"], ["chat"]))
    route(shelf, user_id="web", external_id="crm-2", user_properties=NO_ADS)
    route(shelf, user_id="web", external_id="crm-1", email_sha256=JANE)
    assert shelf.named("web").profile["properties"] == categories([], ["chat", "advertising"])


def test_a_visitor_may_hold_several_emails_and_shows_the_last(shelf: Shelf) -> None:
    first = route(shelf, user_id="web", email_sha256=JANE).visitor_id
    route(shelf, user_id="web", user_properties={"email": "j@example.com"})
    assert route(shelf, email_sha256=JANE).visitor_id == first
    assert route(shelf, user_properties={"email": "j@example.com"}).visitor_id == first
    assert shelf.named("web").profile["email_sha256"] == hashed("j@example.com")


def test_what_does_not_read_as_a_phone_number_names_nobody(shelf: Shelf) -> None:
    one = route(shelf, user_properties={"phone_number": "unknown"})
    assert one.notes == ["identifier_ignored:phone"]
    assert route(shelf, user_properties={"phone_number": "unknown"}).visitor_id != one.visitor_id


def test_what_is_no_email_address_in_the_properties_makes_strangers_nobody_s_twins(shelf: Shelf) -> None:
    alice = route(shelf, user_id="alice", user_properties={"email": "N/A", "first_name": "Alice"})
    bob = route(shelf, user_id="bob", user_properties={"email": " n/a", "first_name": "Bob"})
    assert alice.notes == bob.notes == ["identifier_ignored:email"]
    assert [shelf.named(name).profile["properties"]["first_name"] for name in ("alice", "bob")] == ["Alice", "Bob"]
    assert shelf.holders == {}


def test_a_second_email_in_the_properties_names_nobody_and_is_told(shelf: Shelf) -> None:
    jane = route(shelf, user_id="jane", external_id="crm-1", email_sha256=JANE)
    joe = route(
        shelf, user_id="joe", email_sha256=hashed("joe@example.com"), user_properties={"email": "Jane@example.com"}
    )
    assert joe == Resolution(joe.visitor_id, ["identifier_conflict:second_email"])
    assert joe.visitor_id != jane.visitor_id
    assert route(shelf, user_id="jane", email_sha256=JANE, user_properties={"email": " jane@example.com"}).notes == []


def test_a_chain_of_mergers_in_one_batch_ends_flat(shelf: Shelf) -> None:
    shelf.run([facts(user_id="c"), facts(user_id="b"), facts(user_id="a", event_id="0" * 32)])
    phone = {"phone_number": "15550100000"}
    by_email = [facts(user_id="b", email_sha256=JANE), facts(user_id="c", email_sha256=JANE)]
    by_phone = [facts(user_id="b", user_properties=phone), facts(user_id="a", user_properties=phone)]
    shelf.run(by_email + by_phone)
    assert {record.alias_of for record in shelf.records()} == {None, shelf.named("a").id}
    assert set(shelf.holders.values()) == {shelf.named("a").id}


def test_an_event_that_is_resolved_twice_takes_nothing_from_its_visitor(shelf: Shelf) -> None:
    event = facts(user_properties={"phone_number": "unknown"})
    [first] = shelf.run([event])
    route(shelf, user_id=event.event_id, user_properties={"city": "Paris"})
    assert shelf.run([event])[0].visitor_id == first.visitor_id
    assert shelf.visitor(first.visitor_id).profile["properties"]["city"] == "Paris"


@pytest.mark.parametrize(
    ("before", "news", "now"),
    [
        ({"city": "Paris"}, {"city": "Rome"}, {"city": "Rome"}),
        ({"city": "Paris"}, {"city": None}, {}),
        ({"city": "Paris"}, {"city": ""}, {"city": "Paris"}),
        ({"city": "Paris"}, {"zip": 0}, {"city": "Paris", "zip": 0}),
        ({}, {"is_bot": False}, {"is_bot": False}),
        (
            {"custom_properties": {"a": 1, "b": 2}},
            {"custom_properties": {"a": None, "b": "", "c": 3}},
            {"custom_properties": {"a": 1, "b": 2, "c": 3}},
        ),
        ({"custom_properties": {"a": 1}}, {"custom_properties": None}, {"custom_properties": {"a": 1}}),
        ({"consent": {"accepted_categories": ["ads"]}}, {"consent": {}}, {"consent": {}}),
        ({"consent": {"accepted_categories": ["ads"]}}, {"consent": None}, {}),
    ],
    ids=[
        "sets",
        "clears",
        "empty says nothing",
        "zero sets",
        "no sets",
        "custom gain",
        "custom stay",
        "consent",
        "no consent",
    ],
)
def test_properties_follow_the_rules(before: dict[str, Any], news: dict[str, Any], now: dict[str, Any]) -> None:
    shelf = Shelf()
    route(shelf, user_id="web", user_properties=before)
    assert owner(shelf, user_id="web", user_properties=news).profile["properties"] == now


@pytest.mark.parametrize("said_first_by", ["older", "younger"])
@pytest.mark.parametrize(("first", "last"), [(ADS_ARE_FINE, NO_ADS), (NO_ADS, ADS_ARE_FINE)], ids=["no", "yes"])
def test_of_two_merged_visitors_the_consent_counts_that_was_said_last(
    shelf: Shelf, said_first_by: str, first: dict[str, Any], last: dict[str, Any]
) -> None:
    older, younger = {"user_id": "web"}, {"email_sha256": JANE}
    route(shelf, **older)
    route(shelf, **younger)
    in_turn = (older, younger) if said_first_by == "older" else (younger, older)
    for who, said in zip(in_turn, (first, last), strict=True):
        route(shelf, **who, user_properties=said)
    route(shelf, **older, **younger)
    assert shelf.named("web").profile["properties"] == last


def test_an_event_that_merges_and_says_a_consent_has_the_last_word(shelf: Shelf) -> None:
    route(shelf, user_id="web", user_properties=ADS_ARE_FINE)
    route(shelf, email_sha256=JANE, user_properties=NO_ADS)
    assert owner(shelf, user_id="web", email_sha256=JANE, user_properties=ADS_ARE_FINE).profile["properties"] == (
        ADS_ARE_FINE
    )


def test_who_cleared_their_consent_last_has_none_after_a_merger(shelf: Shelf) -> None:
    route(shelf, email_sha256=JANE, user_properties=ADS_ARE_FINE)
    route(shelf, user_id="web", user_properties=ADS_ARE_FINE)
    route(shelf, user_id="web", user_properties={"consent": None})
    assert owner(shelf, user_id="web", email_sha256=JANE).profile["properties"] == {}


def test_a_null_where_nothing_was_said_is_no_word_about_consent(shelf: Shelf) -> None:
    route(shelf, email_sha256=JANE, user_properties=NO_ADS)
    route(shelf, user_id="web", user_properties={"consent": None})
    assert owner(shelf, user_id="web", email_sha256=JANE).profile["properties"] == NO_ADS


@pytest.mark.parametrize(
    "said", [Said({"x": []}, "01"), Said({"x": []}, "01", sure=False), Said(None, "01"), Said(None)]
)
def test_a_consent_is_read_from_the_profile_as_it_was_put_there(said: Said) -> None:
    profile: dict[str, Any] = {"properties": {"city": "Leeds"}}
    for _ in range(2):
        consent.put(profile, said)
        assert consent.of(profile) == said
    consent.put(profile, Said(None))
    assert profile == {"properties": {"city": "Leeds"}}


def test_what_comes_out_of_turn_is_not_all_that_was_said() -> None:
    late, early = Said({"rejected_categories": ["ads"]}, "02"), Said({"rejected_categories": ["email"]}, "01")
    both = Said({"rejected_categories": ["ads", "email"]}, "02", sure=False)
    assert consent.heard(late, early) == both
    assert consent.heard(early, late) == late


def test_who_said_nothing_takes_no_mixed_consent_from_the_other() -> None:
    said = {"rejected_categories": ["ads"], "accepted_categories": ["email"]}
    mixed, nothing = Said(said, "02", sure=False), Said(None, "01")
    assert consent.said_last(mixed, nothing) == consent.said_last(nothing, mixed) == mixed


def test_a_category_has_so_many_characters_and_no_more() -> None:
    news = {"rejected_categories": ["x" * 2_000, "x" * 2_001, 5, None]}
    assert consent.rejecting({}, news) == {"rejected_categories": ["x" * 2_000]}


def test_where_nobody_knows_which_consent_came_last_both_rejections_count(shelf: Shelf) -> None:
    route(shelf, email_sha256=JANE, user_properties=categories(["advertising", "analytics", "sale"], ["Chat"]))
    route(shelf, user_id="web", user_properties=categories(["analytics", "chat", "sale"], ["advertising"]))
    for visitor_id, row in shelf.rows.items():
        shelf.rows[visitor_id] = row.replace("consent_said", "unknown")
    assert owner(shelf, user_id="web", email_sha256=JANE).profile["properties"] == categories(
        ["analytics", "sale"], ["advertising", "Chat"]
    )


def test_a_consent_that_comes_out_of_turn_takes_no_rejection_back(shelf: Shelf) -> None:
    """As of an event that was set aside because it could not be opened, and is routed days later."""
    early = facts(user_id="web", user_properties=categories(["advertising", "sale"], ["analytics"]))
    route(shelf, user_id="web", user_properties=categories(["sale"], ["advertising"]))
    shelf.run([early])
    assert shelf.named("web").profile["properties"] == categories(["sale"], ["advertising", "analytics"])
    route(shelf, user_id="web", user_properties=ADS_ARE_FINE)
    assert shelf.named("web").profile["properties"] == ADS_ARE_FINE


@pytest.mark.parametrize("text", ["advertising, sale", '["advertising", "sale"]'])
def test_categories_in_one_text_are_rejected_too(shelf: Shelf, text: str) -> None:
    """With commas, or as JSON: in the vendor's types for TypeScript, Go and PHP a consent holds text alone."""
    early = facts(user_id="web", user_properties={"consent": {"rejected_categories": text}})
    route(shelf, user_id="web", user_properties=categories(["sale", "chat"], []))
    shelf.run([early])
    assert shelf.named("web").profile["properties"] == categories([], ["advertising", "sale"])


def custom(properties: dict[str, Any]) -> dict[str, Any]:
    return {"custom_properties": properties}


def test_a_visitor_keeps_so_many_custom_properties_and_no_more(shelf: Shelf) -> None:
    for start in range(0, 1000, 200):
        assert (
            route(
                shelf, user_id="web", user_properties=custom(dict.fromkeys(map(str, range(start, start + 200)), 0))
            ).notes
            == []
        )
    met = route(shelf, user_id="web", user_properties=custom({"new": 1, "7": "seven"}))
    assert met.notes == ["custom_properties_full"]
    kept = shelf.named("web").profile["properties"]["custom_properties"]
    assert (len(kept), kept["7"], kept.get("new")) == (1000, "seven", None)
    assert route(shelf, user_id="web", user_properties=custom({"8": 8})).notes == []


def test_they_take_so_many_bytes_and_no_more(shelf: Shelf) -> None:
    large = "x" * 100_000
    assert route(shelf, user_id="web", user_properties=custom({"a": large, "b": large, "c": "small"})).notes == []
    met = route(shelf, user_id="web", user_properties=custom({"c": large, "d": large, "e": 5, "a": "A"}))
    assert met.notes == ["custom_properties_full"]
    assert shelf.named("web").profile["properties"]["custom_properties"] == {"a": "A", "b": large, "c": "small", "e": 5}


def test_what_is_fuller_than_that_already_is_kept_and_gains_nothing(shelf: Shelf) -> None:
    """As a profile of before there was a bound."""
    route(shelf, user_id="web", user_properties=custom({"0": 0}))
    [(visitor_id, row)] = shelf.rows.items()
    fat = {str(number): "x" * 1000 for number in range(2000)}
    shelf.rows[visitor_id] = row.replace('{"0": 0}', json.dumps(fat))
    route(shelf, user_id="web", user_properties=custom({"0": "less", "1": "y" * 1001, "new": 1}))
    assert shelf.named("web").profile["properties"]["custom_properties"] == fat | {"0": "less"}


def test_a_merger_fills_the_gaps_as_far_as_there_is_room(shelf: Shelf) -> None:
    older, younger = {"user_id": "web"}, {"email_sha256": JANE}
    for who, names in ((older, "ab"), (younger, "ac")):
        for name in names:
            bag = {f"{name}{number}": 0 for number in range(400)}
            route(shelf, **who, user_properties=custom(dict(list(bag.items())[:200])))
            route(shelf, **who, user_properties=custom(dict(list(bag.items())[200:])))
    assert route(shelf, **older, **younger).notes == ["visitors_merged", "custom_properties_full"]
    kept = shelf.named("web").profile["properties"]["custom_properties"]
    assert {name: sum(key.startswith(name) for key in kept) for name in "abc"} == {"a": 400, "b": 400, "c": 200}


def test_a_visitor_was_seen_when_its_latest_event_came(shelf: Shelf) -> None:
    for at in (500, 900, 700):
        route(shelf, user_id="web", at=at)
    assert (shelf.named("web").created_at, shelf.named("web").seen_at) == (500, 900)


def test_of_two_merged_visitors_the_first_and_the_last_moment_count(shelf: Shelf) -> None:
    route(shelf, user_id="web", at=500)
    route(shelf, email_sha256=JANE, at=900)
    route(shelf, email_sha256=JANE, user_id="web", at=700)
    assert (shelf.named("web").created_at, shelf.named("web").seen_at) == (500, 900)


def test_what_the_caller_sent_is_left_as_it_was(shelf: Shelf) -> None:
    sent = {"custom_properties": {"a": 1}, "consent": {"x": []}, "external_id": "crm-1"}
    route(shelf, user_id="web", user_properties=sent)
    route(shelf, user_id="web", user_properties={"custom_properties": {"b": 2}})
    assert sent == {"custom_properties": {"a": 1}, "consent": {"x": []}, "external_id": "crm-1"}
