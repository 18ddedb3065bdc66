"""One event over the wire: what is taken, what is answered, and what every refusal says."""

import json
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ours import clock

Post = Callable[..., TestResponse]
EVENT: dict[str, Any] = {"event": "Purchase", "userId": "u1"}


def codes(answer: TestResponse) -> dict[str, str]:
    return {one["field"]: one["code"] for one in answer.get_json()["warnings"]}


def test_an_event_is_taken_and_its_ids_come_back(post: Post, accept: Any) -> None:
    answer = post("track", **EVENT, distinctId=" order-1 ")
    assert answer.status_code == 200
    assert answer.get_json() == {"success": True, "eventId": "0" * 32, "distinctId": "order-1"}
    [item] = accept.items
    assert (item.kind, item.name, item.user_id, item.distinct_id) == ("track", "Purchase", "u1", "order-1")


def test_the_bodies_on_the_page_about_sending_are_taken_as_they_are(post: Post) -> None:
    page = (Path(__file__).parents[3] / "docs" / "sending.md").read_text()
    bodies = [json.loads(found) for found in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]
    for door, body in zip(("track", "identify", "batch", "identify"), bodies, strict=True):
        assert body.pop("token")
        answer = post(door, **body)
        assert answer.status_code == 200, answer.get_json()
        assert "warnings" not in answer.get_json()
        assert not any(row["duplicate"] for row in answer.get_json().get("results", []))


def test_without_a_distinct_id_one_is_made(post: Post) -> None:
    assert post("track", **EVENT).get_json()["distinctId"]


def test_a_duplicate_says_so_and_keeps_the_first_id(post: Post) -> None:
    first, second = (post("track", **EVENT, distinctId="d").get_json() for _ in range(2))
    assert second == first | {"duplicate": True}


def test_a_duplicate_with_other_content_warns(post: Post) -> None:
    post("track", **EVENT, distinctId="d")
    answer = post("track", **EVENT, distinctId="d", eventProperties={"a": 1})
    assert answer.get_json()["duplicate"] is True
    assert codes(answer) == {"distinctId": "duplicate_differs"}


def test_a_duplicate_with_another_time_warns(post: Post) -> None:
    at = clock.now_ms() - 60_000
    post("track", **EVENT, distinctId="d", time=at)
    assert "warnings" not in post("track", **EVENT, distinctId="d", time=at).get_json()
    assert codes(post("track", **EVENT, distinctId="d", time=at - 1)) == {"distinctId": "duplicate_differs"}


def test_every_wrong_field_is_named_at_once(post: Post, accept: Any) -> None:
    answer = post(
        "track",
        event=" ",
        email=5,
        time="yesterday",
        userProperties={"city": [1], "firstName": {}},
        defaultProperties={"screen_width": "wide", "fv": 1},
        eventProperties=[],
        identityContext={"ip": "1.2.3.4"},
    )
    assert answer.status_code == 400
    body = answer.get_json()
    assert body["success"] is False
    assert body["code"] == "invalid_fields"
    assert set(body["errors"]) == {
        "event", "email", "userProperties.city", "userProperties.firstName", "defaultProperties.screen_width",
        "defaultProperties.fv", "eventProperties", "identityContext.userAgent",
    }  # fmt: skip
    assert all(path in body["error"] for path in body["errors"])
    assert (accept.items, accept.refused) == ([], 1)


def test_one_wrong_field_is_told_in_one_sentence(post: Post) -> None:
    assert post("track", userId="u").get_json()["error"] == "event: This field is required."


@pytest.mark.parametrize("facts", [None, {}, {"city": "Oslo"}, {"email": ""}])
def test_without_an_identifier_the_three_are_named(post: Post, facts: Any) -> None:
    answer = post("track", event="A", userId=None, userProperties=facts)
    assert answer.status_code == 400
    assert set(answer.get_json()["errors"]) == {"userId", "externalId", "email"}


@pytest.mark.parametrize(
    ("sent", "path", "why"),
    [
        ({"userProperties": {"phone_number": "N/A"}}, "userProperties.phone_number", "7 to 15 digits"),
        ({"userProperties": {"phoneNumber": "N/A"}}, "userProperties.phoneNumber", "7 to 15 digits"),
        ({"userProperties": {"email": "N/A"}}, "userProperties.email", "not an email address"),
        ({"userProperties": {"phone": "+15550100000"}}, "userProperties.phone", "userProperties.phone_number?"),
        ({"userProperties": {"user_id": "u"}}, "userProperties.user_id", "userId?"),
        ({"user_id": "u"}, "user_id", "userId?"),
        ({"External-ID": "u"}, "External-ID", "externalId?"),
    ],
)
def test_what_does_not_name_anybody_though_it_was_meant_to_is_told(
    post: Post, sent: dict[str, Any], path: str, why: str
) -> None:
    answer = post("track", event="A", colour="red", **sent)
    body = answer.get_json()
    assert answer.status_code == 400
    assert set(body["errors"]) == {"userId", "externalId", "email", path}
    assert why in body["errors"][path][0]
    assert f"{path}: {body['errors'][path][0]}" in body["error"]
    [row] = post("batch", events=[{"event": "A", "distinctId": "d", **sent}]).get_json()["results"]
    assert path in row["message"]


@pytest.mark.parametrize(
    "named",
    [
        {"userId": "u"},
        {"externalId": 4711},
        {"email": "a@b.co"},
        {"userProperties": {"email": "a@b.co"}},
        {"userProperties": {"externalId": 1}},
        {"userProperties": {"phone_number": 15550100000}},
    ],
)
def test_any_one_identifier_is_enough(post: Post, named: dict[str, Any]) -> None:
    assert post("track", event="A", **named).status_code == 200


NOTHING = ["undefined", " null ", "None", "NaN", "nan", "<nil>", "[object Object]", True, False]


@pytest.mark.parametrize("said", NOTHING)
@pytest.mark.parametrize("field", ["externalId", "distinctId", "email", "userProperties.external_id"])
def test_what_a_program_writes_for_nothing_names_nobody(post: Post, accept: Any, field: str, said: Any) -> None:
    """All who are called so would be one visitor, and all their events one event."""
    bag, _, key = field.rpartition(".")
    answer = post("track", **EVENT, **({bag: {key: said}} if bag else {field: said}))
    assert (answer.status_code, answer.get_json()["code"], accept.items) == (400, "invalid_fields", [])
    [why] = answer.get_json()["errors"][field]
    assert (
        why == "Must be text."
        if field == "email" and not isinstance(said, str)
        else why.endswith("is what a program writes for what it does not have. Send the real one, or nothing.")
    )


@pytest.mark.parametrize("said", ["nullius", "Undefined Ltd", "NONE", "0", "none", "Nan", "nana"])
def test_what_only_looks_like_it_is_an_id(post: Post, accept: Any, said: str) -> None:
    assert post("track", event="Purchase", userId=said, externalId=said, distinctId=said).status_code == 200
    assert (accept.items[0].user_id, accept.items[0].external_id) == (said, said)


def test_a_user_id_is_no_word_for_nothing_either(post: Post) -> None:
    assert post("track", event="Purchase", userId="undefined").get_json()["errors"].keys() == {"userId"}


def test_a_missing_name_and_a_missing_identifier_are_both_told(post: Post) -> None:
    assert set(post("track").get_json()["errors"]) == {"event", "userId", "externalId", "email"}


def test_of_the_email_only_the_hash_stays(post: Post, accept: Any) -> None:
    post("track", event="A", email="  Ann@Example.COM ")
    assert accept.items[0].email_sha256 == sha256(b"ann@example.com").hexdigest()
    assert "ann@example" not in repr(accept.items[0]).lower()


def test_an_email_that_is_no_address_is_hashed_with_a_warning(post: Post, accept: Any) -> None:
    assert codes(post("track", event="A", email="Ann")) == {"email": "email_not_an_address"}
    assert accept.items[0].email_sha256 == sha256(b"ann").hexdigest()


def test_an_email_property_that_is_no_address_is_told(post: Post, accept: Any) -> None:
    answer = post("track", event="A", userId="u", userProperties={"email": "N/A", "city": "Oslo"})
    assert codes(answer) == {"userProperties.email": "email_names_nobody"}
    assert accept.items[0].user_properties == {"email": "N/A", "city": "Oslo"}
    answer = post("track", event="A", userId="u", userProperties={"email": " Ann@Example.com "})
    assert "warnings" not in answer.get_json()


@pytest.mark.parametrize("door", ["track", "identify"])
def test_an_external_id_that_names_nobody_is_told(post: Post, door: str) -> None:
    said = {"event": "A", "externalId": " E1 "} if door == "track" else {"externalId": " E1 "}
    for second, told in (("E2", "overridden"), (None, "null_ignored")):
        answer = post(door, **said, userProperties={"external_id": second})
        assert codes(answer) == {"userProperties.external_id": told}
    assert "warnings" not in post(door, **said, userProperties={"external_id": "E1 "}).get_json()


@pytest.mark.parametrize("email", [5, True, [], {}, "", "  ", "a" * 1001])
def test_an_email_that_is_no_text_is_refused(post: Post, email: Any) -> None:
    assert "email" in post("track", event="A", userId="u", email=email).get_json()["errors"]


def test_numbers_become_text_where_an_id_is_asked_for(post: Post, accept: Any) -> None:
    post("track", event="A", externalId=10**30, distinctId=12.0)
    assert (accept.items[0].external_id, accept.items[0].distinct_id) == ("1" + "0" * 30, "12")


@pytest.mark.parametrize(
    ("field", "longest"), [("event", 1000), ("userId", 400), ("externalId", 400), ("distinctId", 400)]
)
def test_names_and_ids_have_a_greatest_length(post: Post, field: str, longest: int) -> None:
    assert post("track", **EVENT | {field: "x" * longest}).status_code == 200
    assert field in post("track", **EVENT | {field: "x" * (longest + 1)}).get_json()["errors"]


@pytest.mark.parametrize("name", [" $identify ", "$Identify", "$IDENTIFY", "\x1c$identify"])
def test_identify_is_no_event(post: Post, name: str) -> None:
    assert "/identify" in post("track", **EVENT | {"event": name}).get_json()["error"]
    assert post("track", **EVENT | {"event": name, "extra": 1}).status_code == 400


def test_other_names_with_a_dollar_are_events(post: Post) -> None:
    assert post("track", **EVENT | {"event": "$deep_link_opened"}).status_code == 200


def test_properties_is_another_name_for_event_properties(post: Post, accept: Any) -> None:
    answer = post("track", **EVENT, properties={"amount": 99.99, "product": "Premium Plan"})
    assert "warnings" not in answer.get_json()
    assert accept.items[0].event_properties == {"amount": 99.99, "product": "Premium Plan"}


def test_sent_under_both_names_they_merge_and_event_properties_win(post: Post, accept: Any) -> None:
    answer = post("track", **EVENT, properties={"a": 1, "b": 1, "c": 3}, eventProperties={"b": 2, "c": 3})
    assert accept.items[0].event_properties == {"a": 1, "b": 2, "c": 3}
    assert codes(answer) == {"properties.b": "overridden"}


def test_both_names_together_obey_the_limit_of_one(post: Post) -> None:
    first, second = ({f"{half}{n}": n for n in range(150)} for half in "ab")
    answer = post("track", **EVENT, properties=first, eventProperties=second)
    assert answer.get_json()["errors"] == {"eventProperties": ["Must have at most 200 properties; it has 300."]}


def test_unknown_fields_are_ignored_with_a_warning(post: Post) -> None:
    answer = post("track", **EVENT, colour="red", identityContext={"ip": "::1", "userAgent": "x", "port": 1})
    assert codes(answer) == {"colour": "unknown_field", "identityContext.port": "unknown_field"}


def test_a_field_under_another_platforms_name_is_told_ours(post: Post) -> None:
    answer = post(
        "track", **EVENT, messageId="m", timestamp="2026-11-28T07:00:00Z", traits={}, anonymousId="a", type="track"
    )
    assert {one["field"]: (one["code"], one["message"][39:]) for one in answer.get_json()["warnings"]} == {
        "messageId": ("misnamed", "Did you mean distinctId, which names the event and not the person?"),
        "timestamp": ("misnamed", "Did you mean time?"),
        "traits": ("misnamed", "Did you mean userProperties?"),
        "anonymousId": ("unknown_field", ""),  # there is a userId
        "type": ("unknown_field", ""),
    }


@pytest.mark.parametrize("name", ["rejected_categories", "acceptedCategories"])
@pytest.mark.parametrize("said", [{"advertising": 1}, [["advertising"]], [{"name": "advertising"}], 1, True])
@pytest.mark.parametrize("door", ["track", "identify"])
def test_a_consent_in_which_no_rule_finds_a_category_is_told(door: str, said: Any, name: str, post: Post) -> None:
    event = EVENT if door == "track" else {"userId": "u1"}
    answer = post(door, **event, userProperties={"consent": {name: said}})
    told = [(one["field"], one["code"]) for one in answer.get_json()["warnings"]]
    assert (f"userProperties.consent.{name}", "consent_not_a_list") in told
    for fine in (["advertising"], [], "advertising, analytics", None):
        legible = post(door, **event, userProperties={"consent": {"rejected_categories": fine}})
        assert "warnings" not in legible.get_json()


def test_a_consent_that_is_not_read_at_all_is_not_judged(post: Post) -> None:
    both = {"rejected_categories": ["sale"], "rejectedCategories": {"sale": True}}
    answer = post("track", **EVENT, userProperties={"consent": both})
    assert codes(answer) == {"userProperties.consent.rejectedCategories": "overridden"}
    answer = post("track", **EVENT, userProperties={"consent": {name: ["sale", ["ads"]] for name in both}})
    [warning] = answer.get_json()["warnings"]
    assert "so rules find no categories in it" in warning["message"]


@pytest.mark.parametrize("name", ["rejected_categories", "rejectedCategories"])
def test_a_consent_of_flags_is_the_list_of_those_that_are_true(name: str, post: Post, accept: Any) -> None:
    answer = post("track", **EVENT, userProperties={"consent": {name: {" advertising": True, "analytics": False}}})
    told = [(one["field"], one["code"]) for one in answer.get_json()["warnings"]]
    assert (f"userProperties.consent.{name}", "consent_of_flags") in told
    assert accept.items[-1].user_properties["consent"] == {"rejected_categories": ["advertising"]}


def test_a_consent_that_stands_beside_the_properties_of_the_visitor_is_told_its_place(post: Post) -> None:
    [warning] = post("track", **EVENT, consent={"rejected_categories": ["sale"]}).get_json()["warnings"]
    assert (warning["code"], warning["message"][39:]) == ("misnamed", "Did you mean userProperties.consent?")


def test_a_rejection_is_read_on_the_short_way_as_on_the_long(post: Post, accept: Any) -> None:
    for consent in {"rejectedCategories": ["sale"]}, {"rejected_categories": ["sale "]}:
        post("track", **EVENT, userProperties={"consent": consent})
    wanted = {"consent": {"rejected_categories": ["sale"]}}
    assert [one.user_properties for one in accept.items] == [wanted, wanted]


def test_what_is_missing_is_found_under_another_name(post: Post) -> None:
    told = post("track", Event="Purchase", userId="u1").get_json()
    assert told["error"] == "event: This field is required. Event: Unknown field. Did you mean event?"
    assert told["errors"] == {
        "event": ["This field is required."],
        "Event": ["Unknown field. Did you mean event?"],
    }
    assert post("identify", userId="u1", traits={"plan": "x"}).get_json()["errors"] == {
        "userProperties": ["This field is required."],
        "traits": ["Unknown field. Did you mean userProperties?"],
    }
    told = post("track", event="Purchase", anonymousId="a").get_json()
    assert told["errors"]["anonymousId"] == ["Unknown field. Did you mean userId?"]


def test_a_distinct_id_is_the_person_only_where_nobody_is_named(post: Post) -> None:
    """Mixpanel and PostHog call the person so; ours is the event's own id."""
    for named in ("distinct_id", "$distinct_id"):
        told = post("track", **{"event": "Purchase", named: "ann"}).get_json()
        assert told["error"].endswith(f"{named}: Unknown field. Did you mean userId?")
        [row] = post("batch", events=[{"event": "Purchase", named: "ann"}]).get_json()["results"]
        assert row["errors"][named] == ["Unknown field. Did you mean userId?"]
        [warning] = post("track", **EVENT, **{named: "order-1"}).get_json()["warnings"]
        assert warning["message"].endswith("Did you mean distinctId, which names the event and not the person?")


def test_a_row_without_a_distinct_id_is_told_what_it_sent_instead(post: Post) -> None:
    [row] = post("batch", events=[{**EVENT, "messageId": "m"}]).get_json()["results"]
    assert row["errors"]["messageId"] == [
        "Unknown field. Did you mean distinctId, which names the event and not the person?"
    ]
    assert "events" in post("batch", batch=[EVENT]).get_json()["errors"]["batch"][0]


def test_what_a_field_changes_is_told_and_kept_with_the_event(post: Post, accept: Any) -> None:
    answer = post("track", **EVENT, userProperties={"firstName": "Ann", "plan": "x", "city": ""}, time="now")
    assert codes(answer) == {
        "userProperties.firstName": "renamed",
        "userProperties.plan": "moved",
        "userProperties.city": "empty_ignored",
        "time": "time_ignored",
    }
    assert {one.field for one in accept.items[0].warnings} == set(codes(answer))


def test_a_null_group_is_as_good_as_none(post: Post, accept: Any) -> None:
    names = ["eventProperties", "userProperties", "defaultProperties", "identityContext", "properties", "time"]
    assert "warnings" not in post("track", **EVENT, **dict.fromkeys(names)).get_json()
    assert accept.items[0].user_properties == {}


def test_the_network_of_the_person_is_kept(post: Post, accept: Any) -> None:
    post("track", **EVENT, identityContext={"ip": " 203.0.113.7 ", "userAgent": "Mozilla"})
    assert accept.items[0].identity_context == {"ip": "203.0.113.7", "userAgent": "Mozilla"}


def test_an_empty_part_of_the_network_is_ignored_with_a_warning(post: Post, accept: Any) -> None:
    answer = post("track", **EVENT, identityContext={"ip": "::1", "userAgent": ""})
    assert codes(answer) == {"identityContext.userAgent": "empty_ignored"}
    assert accept.items[0].identity_context == {"ip": "::1"}


@pytest.mark.parametrize("context", [{}, {"ip": None, "userAgent": "x"}, {"userAgent": "x"}, {"ip": 1}, "x"])
def test_half_a_network_is_refused(post: Post, context: Any) -> None:
    assert any(
        path.startswith("identityContext")
        for path in post("track", **EVENT, identityContext=context).get_json()["errors"]
    )


def test_when_it_happened_is_kept(post: Post, accept: Any) -> None:
    before = clock.now_ms()
    post("track", **EVENT, time=before - 5000)
    post("track", **EVENT)
    assert accept.items[0].occurred_at == before - 5000
    assert accept.items[1].occurred_at >= before


def test_when_nothing_can_be_made_durable_it_is_503_and_not_the_callers_fault(post: Post, accept: Any) -> None:
    accept.busy = True
    answer = post("track", **EVENT)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.get_json() == {"success": False, "error": "The disk is nearly full.", "code": "unavailable"}
    assert accept.refused == 0


def test_our_own_fault_is_a_500_that_tells_nothing(post: Post, accept: Any, client: FlaskClient) -> None:
    del accept.callers
    answer = post("track", **EVENT)
    assert (answer.status_code, answer.get_json()["code"]) == (500, "internal_error")
    assert "callers" not in answer.text
