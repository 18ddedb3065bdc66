"""The named properties: what each field takes, and what becomes of names that no catalogue has."""

from typing import Any

import pytest

from ours.core import properties
from ours.core.catalogues import DEFAULT_PROPERTIES, TWINS, USER_PROPERTIES, Known, camel
from ours.core.notices import Notices


def user(**raw: Any) -> tuple[dict[str, Any], list[tuple[str, str]], dict[str, list[str]]]:
    notices = Notices()
    found = properties.user(raw, "u", notices)
    return found.values, [(one.field, one.code) for one in notices.all()], found.problems


def default(**raw: Any) -> tuple[dict[str, Any], list[tuple[str, str]], dict[str, list[str]]]:
    notices = Notices()
    found = properties.default(raw, "d", notices)
    return found.values, [(one.field, one.code) for one in notices.all()], found.problems


def test_the_catalogues_are_complete() -> None:
    assert (len(USER_PROPERTIES), len(DEFAULT_PROPERTIES)) == (68, 82)


@pytest.mark.parametrize(
    ("catalogue", "name", "known"),
    [
        (USER_PROPERTIES, "city", Known("text", 2000, trim=True, coerce=True)),
        (USER_PROPERTIES, "job_title", Known("text", 2000, trim=True)),
        (USER_PROPERTIES, "utm_term", Known("text", 2000, coerce=True)),
        (USER_PROPERTIES, "fbclid", Known("text", 2000)),
        (USER_PROPERTIES, "referrer", Known("text", 5000)),
        (USER_PROPERTIES, "zip", Known("any")),
        (USER_PROPERTIES, "consent", Known("object")),
        (DEFAULT_PROPERTIES, "referrer", Known("text", 5000, trim=True)),
        (DEFAULT_PROPERTIES, "current_url", Known("text", None, trim=True)),
        (DEFAULT_PROPERTIES, "ylpcid", Known("text", 2000)),
        (DEFAULT_PROPERTIES, "sessionCount", Known("number")),
        (DEFAULT_PROPERTIES, "iframe", Known("boolean")),
    ],
)
def test_a_field_is_as_the_contract_says(catalogue: dict[str, Known], name: str, known: Known) -> None:
    assert catalogue[name] == known


def test_twins_are_the_camel_case_of_known_names() -> None:
    assert camel("first_name") == "firstName"
    assert TWINS["phoneNumber"] == "phone_number"
    assert TWINS["userAgentFullList"] == "user_agent_full_list"
    assert not set(TWINS) & set(USER_PROPERTIES)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [(" Oslo ", "Oslo"), (5, "5"), (5.0, "5"), (1.5, "1.5"), (1e-7, "1e-7"), (True, "true"), (10**30, "1" + "0" * 30)],
)
def test_a_coercing_field_takes_numbers_and_booleans_as_text(sent: Any, kept: str) -> None:
    assert user(city=sent) == ({"city": kept}, [], {})


def test_a_field_that_does_not_trim_keeps_its_spaces() -> None:
    assert user(fbclid=" x ")[0] == {"fbclid": " x "}


@pytest.mark.parametrize(
    ("field", "sent", "said"),
    [
        ("city", [1], "Must be text or a number."),
        ("city", {}, "Must be text or a number."),
        ("job_title", 5, "Must be text."),
        ("job_title", False, "Must be text."),
        ("consent", "yes", "Must be an object."),
        ("custom_properties", [7], "Must be an object."),
        ("custom_properties", [], "Must be an object; an empty one is {}, not []."),
        ("city", "x" * 2001, "Must have at most 2,000 characters; it has 2,001."),
    ],
)
def test_what_a_visitors_field_can_not_be_is_told(field: str, sent: Any, said: str) -> None:
    assert user(**{field: sent}) == ({}, [], {field: [said]})


@pytest.mark.parametrize(
    ("field", "sent", "said"),
    [
        ("duration", "5", "Must be a number."),
        ("duration", True, "Must be a number."),
        ("webview", 1, "Must be true or false."),
        ("title", 5, "Must be text."),
        ("referrer", "x" * 5001, "Must have at most 5,000 characters; it has 5,001."),
        ("current_url", "x" * 1_048_576, "Must be shorter than 1,048,576 characters (UTF-16 units) as JSON."),
    ],
)
def test_what_an_events_field_can_not_be_is_told(field: str, sent: Any, said: str) -> None:
    assert [*default(**{field: sent})[2].values()] == [[said]]


def test_a_value_sets_and_null_stays_to_clear_and_an_empty_text_is_ignored() -> None:
    values, notices, _ = user(
        city=None, first_name="", last_name="  ", consent=None, zip="", is_bot=False, phone_number=None
    )
    assert values == {"city": None, "consent": None, "is_bot": False, "phone_number": None}
    assert notices == [(f"u.{name}", "empty_ignored") for name in ("first_name", "last_name", "zip")]
    assert default(gclid=None, title="", duration=0, iframe="")[0] == {"gclid": None, "duration": 0}


def test_any_json_is_taken_where_the_catalogue_says_so() -> None:
    assert user(zip=12345, is_bot={"score": [1]})[0] == {"zip": 12345, "is_bot": {"score": [1]}}
    assert user(zip=2**60) == ({"zip": str(2**60)}, [("u.zip", "number_as_text")], {})


def test_a_phone_beyond_every_exact_number_stays_what_it_is() -> None:
    """As a whole number it could not be written down as JSON."""
    for number in (1e17, 1e20, -1e20, 1e300):
        values, notices, problems = user(phone_number=number)
        assert (values, notices, problems) == ({"phone_number": number}, [("u.phone_number", "phone_not_a_number")], {})
        assert isinstance(values["phone_number"], float)


def test_a_phone_that_is_no_number_is_kept_with_a_warning() -> None:
    assert user(phone_number="none") == ({"phone_number": "none"}, [("u.phone_number", "phone_not_a_number")], {})
    for number in (15550100000, 15550100000.0):
        assert user(phone_number=number) == ({"phone_number": 15550100000}, [], {})


def test_a_camel_case_twin_means_the_known_field() -> None:
    values, notices, problems = user(firstName=" Ann ", phoneNumber=None, jobTitle=5, customProperties={"a": 1})
    assert values == {"first_name": "Ann", "phone_number": None, "custom_properties": {"a": 1}}
    assert dict(notices)["u.firstName"] == "renamed"
    assert problems == {"jobTitle": ["Must be text."]}


@pytest.mark.parametrize("raw", [{"first_name": "Ann", "firstName": "Anna"}, {"firstName": 5, "first_name": None}])
def test_a_twin_beside_the_field_itself_gives_way_and_says_so(raw: dict[str, Any]) -> None:
    assert user(**raw) == ({"first_name": raw["first_name"]}, [("u.firstName", "overridden")], {})


def test_a_twin_that_says_the_same_as_the_field_itself_needs_no_word() -> None:
    assert user(first_name="Ann", firstName="Ann") == ({"first_name": "Ann"}, [], {})


def test_a_rejection_counts_however_it_is_written() -> None:
    """A rule asks ``consent.rejected_categories`` for an entry that is the category."""
    said = {"rejectedCategories": [" advertising", 7], "acceptedCategories": "analytics, chat", "asked": [" on "]}
    values, notices, _ = user(consent=said)
    assert values["consent"] == {
        "rejected_categories": ["advertising", 7],
        "accepted_categories": "analytics, chat",
        "asked": [" on "],
    }
    assert notices == [
        ("u.consent.rejectedCategories", "renamed"),
        ("u.consent.acceptedCategories", "renamed"),
    ]
    both = {"rejected_categories": ["sale "], "rejectedCategories": ["chat"]}
    assert user(consent=both) == (
        {"consent": {"rejected_categories": ["sale"]}}, [("u.consent.rejectedCategories", "overridden")], {},
    )  # fmt: skip


def test_unknown_keys_join_the_custom_properties_and_what_is_explicit_wins() -> None:
    values, notices, _ = user(plan="a", seats=3, tags=["x"], custom_properties={"plan": "b", "seats": 3})
    assert values == {"custom_properties": {"plan": "b", "seats": 3, "tags": ["x"]}}
    assert sorted(notices) == [("u.plan", "overridden"), ("u.tags", "moved")]


def test_in_custom_properties_null_and_empty_are_ignored() -> None:
    values, notices, _ = user(a=None, b="", custom_properties={"c": None, "d": "", "e": {"f": None}, "g": 0})
    assert values == {"custom_properties": {"e": {"f": None}, "g": 0}}
    assert sorted(notices) == [
        ("u.a", "null_ignored"),
        ("u.b", "empty_ignored"),
        ("u.custom_properties.c", "null_ignored"),
        ("u.custom_properties.d", "empty_ignored"),
    ]
    assert user(custom_properties=None) == ({}, [("u.custom_properties", "null_ignored")], {})


def test_moved_and_explicit_properties_share_one_limit() -> None:
    moved = {f"m{number}": number for number in range(150)}
    explicit = {f"e{number}": number for number in range(150)}
    assert "at most 200" in user(**moved, custom_properties=explicit)[2]["custom_properties"][0]


def test_unknown_default_properties_are_kept_under_the_rules_for_bags() -> None:
    values, notices, _ = default(mobile_occurred_at="x", big=2**60, nothing=None, title="T")
    assert values == {"title": "T", "mobile_occurred_at": "x", "big": str(2**60), "nothing": None}
    assert notices == [("d.big", "number_as_text")]
    problems = default(a={"b": {"c": {"d": {"e": {}}}}}, title=5)[2]
    assert set(problems) == {"", "title"}
