"""Templates, and what they let out."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ours.core.catalogues import USER_PROPERTIES
from ours.core.mapping import MappingInvalid, Row, compile_mapping, context_of
from ours.plugin.types import Event, Visitor

EVENT = Event(
    id="0198",
    name="Purchase",
    distinct_id="order-7",
    occurred_at=1_754_874_909_594,
    received_at=1_754_874_910_000,
    external_id="crm-1",
    email_sha256="ab" * 32,
    event_properties={
        "value": 99.5,
        "items": [{"id": "a"}, {"id": "b"}],
        "note": "½ price",
        "gift": False,
        "none": None,
    },
    default_properties={"current_url": "https://shop.example/"},
    identity_context={"ip": "192.0.2.7", "userAgent": "Mozilla"},
)
VISITOR = Visitor(
    id="user123",
    external_id="crm-1",
    email_sha256="cd" * 32,
    properties={
        "email": "jane@example.com",
        "custom_properties": {"plan": "pro"},
        "consent": {"accepted_categories": ["ads"]},
    },
)
CONTEXT = context_of(EVENT, VISITOR)


def value(template: str) -> Any:
    return compile_mapping({"field": template}).apply(CONTEXT).get("field")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("event.id", "0198"),
        ("event.event", "Purchase"),
        ("event.name", "Purchase"),
        ("event.distinct_id", "order-7"),
        ("event.time", "2025-08-11T01:15:09.594Z"),
        ("event.time_ms", 1_754_874_909_594),
        ("event.received_at", "2025-08-11T01:15:10.000Z"),
        ("event.user_id", "user123"),
        ("event.external_id", "crm-1"),
        ("event.email", "ab" * 32),
        ("event.event_properties.value", 99.5),
        ("event.event_properties.items.1.id", "b"),
        ("event.event_properties.gift", False),
        ("event.default_properties.current_url", "https://shop.example/"),
        ("event.request_context.ip", "192.0.2.7"),
        ("event.request_context.user_agent", "Mozilla"),
        ("visitor.id", "user123"),
        ("visitor.external_id", "crm-1"),
        ("visitor.email_sha256", "cd" * 32),
        ("visitor.email", "jane@example.com"),
        ("visitor.custom_properties.plan", "pro"),
        ("visitor.consent.accepted_categories", ["ads"]),
    ],
)
def test_a_path_alone_gives_the_value_as_it_is(path: str, expected: Any) -> None:
    assert value(f"{{{{ {path} }}}}") == expected


def test_the_whole_bag_may_be_named() -> None:
    assert value("{{event.event_properties}}") == EVENT.event_properties


def test_a_user_id_that_was_sent_comes_before_the_visitors() -> None:
    event = Event("1", "Purchase", "d", 0, 0, user_id="alias")
    assert compile_mapping({"id": "{{event.user_id}}"}).apply(context_of(event, VISITOR)) == {"id": "alias"}


def test_of_a_visitor_who_is_not_known_any_more_nothing_leaves() -> None:
    mapping = compile_mapping({"a": "{{event.user_id}}", "b": "{{visitor.id}}", "c": "{{visitor.email}}"})
    assert mapping.apply(context_of(Event("1", "Purchase", "d", 0, 0), Visitor(id=""))) == {}


@pytest.mark.parametrize(
    "path", ["missing", "none", "value.deeper", "items.2", "items.x", "items.-1", "items." + "9" * 5000]
)
def test_a_path_alone_that_leads_nowhere_leaves_the_field_out(path: str) -> None:
    assert compile_mapping({"field": f"{{{{event.event_properties.{path}}}}}"}).apply(CONTEXT) == {}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("Hello", "Hello"),
        ("{{event.event}} of {{event.event_properties.value}}", "Purchase of 99.5"),
        ("[{{event.event_properties.missing}}{{event.event_properties.none}}]", "[]"),
        ("gift: {{event.event_properties.gift}}", "gift: false"),
        ("{{event.event_properties.note}}!", "½ price!"),
        ("items={{event.event_properties.items}}", 'items=[{"id":"a"},{"id":"b"}]'),
        ('{"a":{"b":"{{event.id}}"}}', '{"a":{"b":"0198"}}'),
        ('{"a":{"b":{{event.event_properties.value}}}}', '{"a":{"b":99.5}}'),
        ("{{{event.id}}}", "{0198}"),
        ("a{{{event.id}}{b", "a{0198{b"),
        ("a{{event.event_properties.none}}", "a"),
    ],
)
def test_text_around_paths_makes_text(template: str, expected: str) -> None:
    assert value(template) == expected


def test_an_empty_template_takes_the_field_out() -> None:
    assert compile_mapping({"field": ""}).apply(CONTEXT) == {}


def test_dotted_destination_fields_stay_flat() -> None:
    assert compile_mapping({"user.id": "{{visitor.id}}"}).apply(CONTEXT) == {"user.id": "user123"}


@pytest.mark.parametrize(
    "template",
    ["{{event.id", "event.id}}", "{event.id}}", "{{}}", "{{ }}", "{{event.{{id}}}}", "{{event.event_properties.}}",
     "{{event}}", "{{visitor}}", "{{event.id.x}}", "{{event.user_properties.email}}", "{{user.email}}",
     "{{event.request_context.country}}", "{{visitor.frist_name}}", "{{visitor.external_id.x}}"],
)  # fmt: skip
def test_what_can_never_work_is_refused_with_a_sentence(template: str) -> None:
    with pytest.raises(MappingInvalid) as refused:
        compile_mapping({"good": "{{event.id}}", "bad": template})
    assert set(refused.value.errors) == {"bad"}
    assert refused.value.errors["bad"][0].endswith(".")


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(MappingInvalid) as refused:
        compile_mapping({"a": "{{x}}", "b": "{{", " ": "text", "c": 5})  # type: ignore[dict-item]
    assert set(refused.value.errors) == {"a", "b", " ", "c"}


@pytest.mark.parametrize("name", USER_PROPERTIES)
def test_every_known_user_property_can_be_named(name: str) -> None:
    assert compile_mapping({"field": f"{{{{visitor.{name}}}}}"})


def test_an_explanation_tells_each_field_apart() -> None:
    rows = compile_mapping(
        {"a": "{{event.id}}", "b": "{{event.event_properties.x}}", "c": "x{{visitor.city}}", "d": "x"}
    )
    assert rows.explain(CONTEXT) == [
        Row("a", "{{event.id}}", True, "0198", taken="0198"),
        Row("b", "{{event.event_properties.x}}", False, None),
        Row("c", "x{{visitor.city}}", False, "x", taken="x"),
        Row("d", "x", True, "x", taken="x"),
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), JSON, max_size=4))
def test_every_property_comes_out_as_it_went_in(properties: dict[str, Any]) -> None:
    mapping = compile_mapping({name: f"{{{{event.event_properties.{name}}}}}" for name in properties})
    context = context_of(Event("1", "e", "d", 0, 0, event_properties=properties), VISITOR)
    assert mapping.apply(context) == {name: inner for name, inner in properties.items() if inner is not None}


@given(st.text(alphabet="{}.ab ") | st.text())
def test_any_text_is_either_read_or_refused(template: str) -> None:
    try:
        compiled = compile_mapping({"field": template})
    except MappingInvalid:
        assert "{{" in template or "}}" in template
    else:
        assert compiled.apply(CONTEXT).get("field", "") == template


@given(
    JSON, st.lists(st.text(st.characters(exclude_characters=".{}|", exclude_categories="ZC"), min_size=1), max_size=3)
)
def test_following_a_path_never_fails(properties: Any, keys: list[str]) -> None:
    path = ".".join(["value", *keys])
    context = context_of(Event("1", "e", "d", 0, 0, event_properties={"value": properties}), VISITOR)
    compile_mapping({"f": f"{{{{event.event_properties.{path}}}}} "}).apply(context)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{event.event_properties.value || event.event_properties.gift}}", 99.5),
        ("{{event.event_properties.nowhere || event.event_properties.gift}}", False),
        ("{{ event.event_properties.nowhere||visitor.gclid || visitor.email }}", "jane@example.com"),
        ("{{event.event_properties.none || visitor.email}}", None),
        ("{{event.event_properties.nowhere || visitor.gclid}}", None),
        ("to {{visitor.gclid || visitor.email}}!", "to jane@example.com!"),
    ],
)
def test_of_several_paths_the_first_that_leads_to_a_value_counts(template: str, expected: Any) -> None:
    assert value(template) == expected
    (row,) = compile_mapping({"field": template}).explain(CONTEXT)
    assert row.found == (expected is not None)


@pytest.mark.parametrize(
    "template", ["{{visitor.email ||}}", "{{|| visitor.email}}", "{{visitor.email || nowhere.at.all}}"]
)
def test_each_of_several_paths_has_to_exist(template: str) -> None:
    with pytest.raises(MappingInvalid):
        compile_mapping({"field": template})


def test_a_mapping_has_so_many_rows_of_so_many_characters_and_no_more() -> None:
    compile_mapping({f"f{number}": "x" * 10_000 for number in range(500)})
    for wrong in ({f"f{number}": "x" for number in range(501)}, {"f": "x" * 10_001}, {"f" * 201: "x"}):
        with pytest.raises(MappingInvalid):
            compile_mapping(wrong)
