"""Conditions: what each operator asks, how they are put together, and the laws they keep."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ours.core.logic import OPERATORS, LogicInvalid, read
from ours.core.logic.operators import INVERSES, OF_UNDEFINED
from ours.core.paths import Context
from ours.plugin.types import Event, Visitor
from tests.core.test_mapping import JSON


def context(value: Any = None, **visitor: Any) -> Context:
    event = Event("1", "Purchase", "d", 1_764_000_000_000, 0, event_properties={"value": value})
    return Context(event, Visitor("v", properties=visitor))


def condition(operator: str, value: Any = "", path: str = "event.event_properties.value") -> dict[str, Any]:
    return {"condition": {"property": path, "operator": operator, "value": value}}


def holds(found: Any, operator: str, value: str = "") -> bool:
    return read(condition(operator, value)).fires(context(found))


@pytest.mark.parametrize(
    ("found", "operator", "value"),
    [
        ("Gold", "Is", "gold"), (12, "Is", "12"), (12.0, "Is", "12"), (True, "Is", "true"), (["a", "B"], "Is", "b"),
        ("gold", "IsNot", "silver"), (None, "IsNot", "silver"), ({}, "IsNot", ""),
        ("Marigold", "Contains", "GOLD"), (["ads", "email"], "Contains", "Ads"), (1234, "Contains", "23"),
        (["advertising"], "DoesNotContain", "adver"), ("silver", "DoesNotContain", "gold"),
        ("Checkout Started", "StartsWith", "check"), ("Checkout Started", "EndsWith", "STARTED"),
        ("", "IsFalsy", ""), (0, "IsFalsy", ""), (None, "IsFalsy", ""), ([], "IsFalsy", ""), (False, "IsFalsy", ""),
        ("false", "IsTruthy", ""), (1, "IsTruthy", ""), ([0], "IsTruthy", ""),
        (None, "IsNull", ""), (0, "IsNotNull", ""), (None, "IsNotUndefined", ""),
        (True, "IsTrue", ""), ("TRUE", "IsTrue", ""), (False, "IsFalse", ""), ("FALSE", "IsFalse", ""),
        (10, "IsGreaterThan", "9.5"), ("10", "IsGreaterThan", "9"), (9.5, "IsGreaterThanOrEqual", "9.5"),
        (-1, "IsLessThan", "0"), (0, "IsLessThanOrEqual", "0"), (10**30, "IsGreaterThan", "1e20"),
        ("red", "IsIn", "green, RED"), ("a,b", "IsIn", '["a,b"]'), (3, "IsIn", "1,2,3"),
        ("blue", "IsNotIn", "green,red"),
        ("gold", "IsFoundIn", "golden, silver"), ("x", "IsNotFoundIn", "golden"),
        ("2026-01-31", "IsBefore", "2026-02-01"), ("2026-02-01T23:59:59Z", "IsOnOrBefore", "2026-02-01"),
        ("2026-02-02", "IsAfter", "2026-02-01"), ("2026-02-01T00:00:00+00:00", "IsOnOrAfter", "2026-02-01"),
        (1_764_000_000_000, "IsAfter", "2025-11-01"), (15, "IsBetween", "10,15"),
        ("2026-02-28T12:00:00Z", "IsBetween", "2026-02-01,2026-02-28"),
        ("order-12", "MatchesRegex", r"^order-\d+$"), ("Order", "DoesNotMatchRegex", "order"),
        ("ORDER", "MatchesRegexIgnoreCase", "^order$"), ("refund", "DoesNotMatchRegexIgnoreCase", "^ORDER"),
    ],
)  # fmt: skip
def test_what_holds(found: Any, operator: str, value: str) -> None:
    assert holds(found, operator, value)


@pytest.mark.parametrize(
    ("found", "operator", "value"),
    [
        ("gold ", "Is", "gold"), (None, "Is", "null"), ({"a": 1}, "Is", "a"), (True, "IsGreaterThan", "0"),
        ("many", "IsGreaterThan", "1"), ("many", "IsLessThanOrEqual", "1"), ("soon", "IsBefore", "2026-01-01"),
        ("2026-02-01T10:00:00Z", "IsAfter", "2026-02-01"), ("2026-02-01T10:00:00Z", "IsBefore", "2026-02-01"),
        (0, "IsUndefined", ""), (None, "IsUndefined", ""), ("ORDER", "MatchesRegex", "order"), (1, "IsTrue", ""),
        (["advertising"], "Contains", "adver"), (9, "IsBetween", "10,15"),
    ],
)  # fmt: skip
def test_what_does_not_hold(found: Any, operator: str, value: str) -> None:
    assert not holds(found, operator, value)


def test_there_are_31_operators_and_each_says_what_it_asks() -> None:
    assert len(OPERATORS) == 31
    assert all(one.asks for one in OPERATORS.values())


VALUES = {"IsIn": "a,b", "IsBetween": "1,9"} | dict.fromkeys(
    ("IsGreaterThan", "IsLessThan", "IsGreaterThanOrEqual", "IsLessThanOrEqual"), "5"
) | dict.fromkeys(("IsBefore", "IsAfter", "IsOnOrBefore", "IsOnOrAfter"), "2026-02-01")  # fmt: skip


@given(JSON, st.sampled_from(sorted(OPERATORS)), st.text(max_size=6))
def test_every_condition_has_an_answer_for_every_value(found: Any, operator: str, value: str) -> None:
    try:
        logic = read(condition(operator, value))
    except LogicInvalid:
        logic = read(condition(operator, VALUES.get(operator, "a")))
    assert logic.fires(context(found)) in (True, False)


@given(JSON, st.sampled_from(sorted(INVERSES)))
def test_an_operator_and_its_inverse_are_not_of_each_other(found: Any, operator: str) -> None:
    value, here = VALUES.get(operator, "a"), context(found)
    for one, other in ((operator, INVERSES[operator]), (INVERSES[operator], operator)):
        assert read({"NOT": condition(one, value)}).fires(here) == read(condition(other, value)).fires(here)


PATHS = st.sampled_from(["event.event_properties.value", "event.event_properties.nothing", "visitor.city"])
CONDITIONS = st.builds(condition, st.sampled_from(["Is", "IsNot", "IsTruthy", "IsGreaterThan"]), st.just("1"), PATHS)
LOGIC = st.recursive(
    CONDITIONS,
    lambda inner: (
        st.builds(lambda parts: {"AND": parts}, st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda parts: {"OR": parts}, st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda part: {"NOT": part}, inner)
    ),
    max_leaves=8,
)


@given(LOGIC, LOGIC, JSON)
def test_de_morgan_and_double_negation(one: Any, other: Any, found: Any) -> None:
    here = context(found)
    assert read({"NOT": {"NOT": one}}).fires(here) == read(one).fires(here)
    for both, either in (("AND", "OR"), ("OR", "AND")):
        negated = read({"NOT": {both: [one, other]}}).fires(here)
        assert negated == read({either: [{"NOT": one}, {"NOT": other}]}).fires(here)


@given(LOGIC, JSON)
def test_logic_over_paths_that_lead_nowhere_never_fires(written: Any, found: Any) -> None:
    nowhere = Context(Event("1", "e", "d", 0, 0), Visitor("v"))
    assert not read(written).fires(nowhere)
    assert not read({"NOT": written}).fires(nowhere)


@pytest.mark.parametrize("name", ["rejected_categories", "rejectedCategories"])
def test_a_rule_finds_a_consent_under_either_name_that_the_door_takes(name: str) -> None:
    asked = read(condition("Contains", "ads", f"visitor.consent.{name}"))
    assert [one.path.text for one in asked.conditions()] == ["visitor.consent.rejected_categories"]
    assert asked.fires(context(consent={"rejected_categories": ["ads"]}))
    assert not asked.fires(context(consent={"accepted_categories": ["ads"]}))


def test_two_operators_alone_ask_about_what_is_not_there() -> None:
    nowhere = Context(Event("1", "e", "d", 0, 0), Visitor("v"))
    firing = {name for name in OPERATORS if read(condition(name, VALUES.get(name, "1"))).fires(nowhere)}
    assert firing == {"IsUndefined"} < OF_UNDEFINED


def test_one_that_holds_decides_an_or_though_another_can_not_be_told() -> None:
    unsure, sure = condition("Is", "x", "visitor.city"), condition("Is", "1")
    assert read({"OR": [unsure, sure]}).fires(context(1))
    assert not read({"AND": [unsure, sure]}).fires(context(1))


def test_consent_stops_what_was_rejected() -> None:
    logic = read(condition("Contains", "advertising", "visitor.consent.rejected_categories"))
    assert logic.fires(context(consent={"rejected_categories": ["advertising"]}))
    assert not logic.fires(context(consent={"rejected_categories": ["analytics"]}))
    assert not logic.fires(context())


def test_a_leading_dollar_means_nothing() -> None:
    assert read(condition("Is", "purchase", "$event.event")).fires(context())


@pytest.mark.parametrize(("operator", "value"), [("Is", None), ("IsTrue", "gold"), ("IsTrue", "{{event.event}}")])
def test_a_value_that_is_null_or_not_asked_for_is_none(operator: str, value: Any) -> None:
    assert [one.value for one in read(condition(operator, value)).conditions()] == [""]


def test_a_pattern_that_would_never_end_elsewhere_ends_at_once() -> None:
    logic = read(condition("MatchesRegex", "(a+)+$"))
    began = time.process_time()
    assert not logic.fires(context("a" * 100_000 + "b"))
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "written",
    [
        None, {}, [], "x", {"AND": []}, {"OR": "x"}, {"AND": [], "OR": []}, {"XOR": [condition("IsNull")]},
        {"condition": {}}, condition("Is", "x", "{{event.event}}"), condition("Equals", "x"), condition("Is", "{{x}}"),
        condition("Is", "x", "visitor.consnet.x"), condition("IsGreaterThan", "many"), condition("IsBefore", "soon"),
        condition("IsBetween", "1"), condition("IsIn", " , "), condition("MatchesRegex", "(a"),
        condition("MatchesRegex", "(?=a)"), {"condition": {"property": "event.event", "operator": "Is", "valeu": "x"}},
        {"AND": [condition("IsNull")] * 201},
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_refused_with_its_place(written: Any) -> None:
    with pytest.raises(LogicInvalid) as refused:
        read(written)
    assert all(sentence.endswith(".") for told in refused.value.errors.values() for sentence in told)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(LogicInvalid) as refused:
        read({"AND": [condition("IsNull"), {"NOT": condition("Equals")}, {"OR": []}]})
    assert set(refused.value.errors) == {"AND.1.NOT", "AND.2.OR"}


def test_nothing_lies_deeper_than_twenty_levels() -> None:
    written: Any = condition("IsNull")
    for _ in range(25):
        written = {"NOT": written}
    with pytest.raises(LogicInvalid):
        read(written)


@given(JSON)
def test_any_json_that_is_no_logic_is_refused_and_breaks_nothing(written: Any) -> None:
    with pytest.raises(LogicInvalid):
        read(written)
