"""A destination's whole mapping: layers, conditional mappings, renaming, required fields, and what may leave at all."""

from typing import Any

import pytest

from ours.core import logic
from ours.core.mapping import EVENT_NAME, Case, Mapper, MappingInvalid, compile_mapping, lay_over, read_rows, write_rows
from ours.core.paths import parse
from ours.core.sensitivity import at_start, exposed, is_sensitive
from ours.plugin import Mapped
from tests.core.test_mapping import CONTEXT


def mapper(rows: dict[str, Any], *cases: tuple[str, str, dict[str, Any]]) -> Mapper:
    base = read_rows(rows)
    made = [
        Case(name, logic.read({"condition": {"property": "event.event", "operator": "Is", "value": event}}),
             compile_mapping(lay_over(base, read_rows(own))))
        for name, event, own in cases
    ]  # fmt: skip
    return Mapper(compile_mapping(base), tuple(made))


def test_the_first_conditional_mapping_that_fires_is_laid_over_the_rest() -> None:
    made = mapper(
        {"a": "{{event.id}}", "b": "b"}, ("never", "Refund", {"b": "x"}), ("sale", "purchase", {"b": "y", "c": "z"}),
        ("later", "purchase", {"b": "w"}),
    )  # fmt: skip
    result = made.apply(CONTEXT)
    assert (result.case, result.fields) == ("sale", {"a": "0198", "b": "y", "c": "z"})


def test_without_one_that_fires_the_default_holds() -> None:
    assert mapper({"b": "b"}, ("never", "Refund", {"b": "x"})).apply(CONTEXT).fields == {"b": "b"}


def test_a_renamed_event_is_seen_under_its_new_name_only() -> None:
    made = mapper({EVENT_NAME: "Lead", "name": "{{event.event}}", "text": "{{event.name}}!"}).apply(CONTEXT)
    assert made.event.name == "Lead"
    assert made.fields == {"name": "Lead", "text": "Lead!"}


def test_a_name_may_be_modified() -> None:
    row = {"map": "{{event.event}} Done", "modification": "SnakeCase"}
    assert mapper({EVENT_NAME: row}).apply(CONTEXT).event.name == "purchase_done"


def test_a_name_that_leads_nowhere_lets_nothing_out_under_the_old_one() -> None:
    made = mapper({EVENT_NAME: "{{event.event_properties.none}}"}).apply(CONTEXT)
    assert (made.missing, made.event.name) == ([EVENT_NAME], "")


def test_what_was_not_mapped_is_not_there_to_be_sent() -> None:
    event = mapper({}).apply(CONTEXT).event
    assert (event.id, event.distinct_id, event.occurred_at) == ("0198", "order-7", 1_754_874_909_594)
    bags = (event.event_properties, event.default_properties, event.identity_context, event.user_properties)
    assert not any(bags)
    assert (event.user_id, event.external_id, event.email_sha256) == (None, None, None)


def test_required_fields_without_a_value_are_named() -> None:
    rows = {"a": Mapped("{{event.event_properties.none}}", required=True), "b": Mapped("{{event.id}}", required=True)}
    assert mapper(rows).apply(CONTEXT).missing == ["a"]


def test_what_the_plugin_says_of_a_field_goes_on_to_hold() -> None:
    base = {"em": Mapped("{{visitor.email}}", required=True, hashed=True)}
    assert lay_over(base, read_rows({"em": "{{event.email}}"})) == {
        "em": Mapped("{{event.email}}", required=True, hashed=True)
    }


def test_null_is_sent_as_null() -> None:
    assert mapper({"a": {"map": "{{event.id}}", "modification": "Null"}}).apply(CONTEXT).fields == {"a": None}


def test_rows_are_written_as_they_are_read() -> None:
    written = {"a": "{{event.id}}", "b": {"map": "{{visitor.email}}", "modification": "Hash"}}
    assert write_rows(read_rows(written)) == written


@pytest.mark.parametrize(
    "row",
    [{"map": "x", "modification": "Rot13"}, {"map": "x", "modification": None}, {"map": "x", "modify": "Hash"},
     {"map": 5}, "x" * 10_001],
)  # fmt: skip
def test_a_row_that_can_not_be_read_is_refused(row: Any) -> None:
    with pytest.raises(MappingInvalid) as refused:
        compile_mapping({"good": "{{event.id}}", "bad": row, "worse": "{{x}}"})
    assert set(refused.value.errors) == {"bad", "worse"}


@pytest.mark.parametrize(
    ("path", "sensitive"),
    [
        ("visitor.email", True), ("visitor.phone_number", True), ("visitor.id", True), ("event.user_id", True),
        ("visitor.custom_properties.plan", True), ("event.request_context.ip", True), ("event.event_properties", True),
        ("event.event_properties.value", False), ("event.email", False), ("visitor.email_sha256", False),
        ("event.event", False), ("visitor.consent.ads", False), ("visitor.country", False),
        ("event.distinct_id", False),
    ],
)  # fmt: skip
def test_which_paths_lead_to_a_person(path: str, sensitive: bool) -> None:
    assert is_sensitive(parse(path)) is sensitive


def test_only_what_would_be_seen_in_clear_is_exposed() -> None:
    rows = read_rows({
        "a": "{{visitor.email}}", "b": {"map": "{{visitor.email}}", "modification": "HashedNormalized"},
        "c": "Hello {{visitor.first_name}}", "d": {"map": "{{event.request_context.ip}}", "modification": "DmaIP"},
        "e": {"map": "{{visitor.email}}", "modification": "LowerCase"}, "f": Mapped("{{visitor.email}}", hashed=True),
        "g": "{{event.event_properties.value}}",
    })  # fmt: skip
    assert set(exposed(rows)) == {"a", "c", "e"}
    assert set(at_start(rows, "advertising")) == {"b", "d", "f", "g"}
    assert at_start(rows, "infrastructure") == rows
