"""Free-form properties: how many, how deep, how big, and what is made of the rest."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ours.core import bags
from ours.core.notices import MOST, Notices
from ours.errors import Invalid

plain = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3)
)
values = st.recursive(
    plain | st.integers(-(10**40), 10**40),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=2), inner, max_size=4),
    max_leaves=20,
)
objects = st.dictionaries(st.text(max_size=2), values, max_size=5)


def read(raw: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    notices = Notices()
    clean = bags.read(raw, "p", notices)
    return clean, [(one.field, one.code) for one in notices.all()]


def deep(levels: int) -> dict[str, Any]:
    return {"a": deep(levels - 1)} if levels > 1 else {}


brims = st.sampled_from(
    [{"a": [0] * 250}, {"a": [0] * 251}, deep(5), deep(6), {"a": [deep(4)]}, {"a": 2**53}, {"a": -(2**53) - 1}]
    + [dict.fromkeys(map(str, range(count)), 1) for count in (200, 201)]
)


@given(raw=objects | brims)
def test_a_bag_is_called_plain_only_when_reading_would_change_nothing(raw: dict[str, Any]) -> None:
    if bags.is_plain(raw):
        notices = Notices()
        assert bags._object(raw, "p", bags.MOST_LEVELS, bags.MOST_NESTING, notices) is raw
        assert len(raw) <= bags.MOST_KEYS
        assert not notices.all()


def test_an_ordinary_bag_is_called_plain() -> None:
    assert bags.is_plain({"a": 1, "b": None, "c": "", "d": [1, {"e": 2.5}], "f": {"g": True}, "h": 2**53})


def test_what_is_in_order_is_returned_as_it_is() -> None:
    raw = {"a": 1, "b": None, "c": "", "d": [1, {"e": 2.5}], "f": {"g": True}, "h": 2**53}
    clean, notices = read(raw)
    assert clean is raw
    assert notices == []


@pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1, 2**64, 10**30])
def test_whole_numbers_beyond_2_53_become_text_wherever_they_are(number: int) -> None:
    clean, notices = read({"a": number, "b": {"c": [number, {"d": number}]}, "e": 1.5e300})
    assert clean == {"a": str(number), "b": {"c": [str(number), {"d": str(number)}]}, "e": 1.5e300}
    assert notices == [(path, "number_as_text") for path in ("p.a", "p.b.c.0", "p.b.c.1.d")]


def test_empty_keys_are_removed_wherever_they_are() -> None:
    clean, notices = read({"": 1, "a": {"": 2, "b": [{"": 3, "c": 4}]}})
    assert clean == {"a": {"b": [{"c": 4}]}}
    assert sorted(notices) == [("p", "empty_key"), ("p.a", "empty_key"), ("p.a.b.0", "empty_key")]


def test_lists_are_cut_to_250_entries() -> None:
    clean, notices = read({"a": list(range(251)), "b": [[0] * 300], "c": [0] * 250})
    assert (len(clean["a"]), len(clean["b"][0]), len(clean["c"])) == (250, 250, 250)
    assert notices == [("p.a", "list_cut"), ("p.b.0", "list_cut")]


def test_at_most_200_properties_of_which_the_empty_one_does_not_count() -> None:
    raw = {str(number): number for number in range(200)}
    assert len(read(raw | {"": 1})[0]) == 200
    with pytest.raises(Invalid, match="at most 200 properties; it has 201"):
        read(raw | {"more": 1})


def test_five_levels_of_objects_and_no_sixth() -> None:
    read(deep(5))
    with pytest.raises(Invalid, match=r"5 levels of objects; p\.a\.a\.a\.a\.a lies deeper"):
        read(deep(6))


def test_what_is_inside_a_list_does_not_count_as_a_level() -> None:
    read({"a": {"b": {"c": {"d": [deep(20)]}}}})
    with pytest.raises(Invalid, match="100 levels"):
        read({"a": [deep(101)]})


def test_the_json_must_be_shorter_than_1_048_576_utf_16_units() -> None:
    frame = len('{"a":""}')
    read({"a": "x" * (bags.UNITS - frame - 1)})
    read({"a": "é" * (bags.UNITS - frame - 1)})
    for text in ("x" * (bags.UNITS - frame), "😀" * ((bags.UNITS - frame) // 2), '"' * (bags.UNITS // 2)):
        with pytest.raises(Invalid, match="UTF-16"):
            read({"a": text})


def test_an_endless_key_does_not_make_endless_paths() -> None:
    clean, notices = read({"k" * 100_000: {"a": [2**60] * 250}})
    assert len(clean["k" * 100_000]["a"]) == 250
    assert max(len(field) for field, _ in notices) <= 200


def test_a_thousand_warnings_are_told_as_fifty_and_a_count() -> None:
    _, notices = read({"a": [[2**60] * 100] * 10})
    assert len(notices) == MOST + 1
    assert notices[-1] == ("", "more_warnings")


@settings(max_examples=150)
@given(objects)
def test_a_bag_is_refused_or_can_be_stored_and_read_again_unchanged(raw: dict[str, Any]) -> None:
    try:
        clean, _ = read(raw)
    except Invalid:
        return
    stored = orjson.loads(orjson.dumps(clean))
    assert read(stored) == (stored, [])
    assert read(clean) == (clean, [])


@settings(max_examples=100)
@given(objects)
def test_what_changes_is_warned_of_and_what_does_not_is_not_copied(raw: dict[str, Any]) -> None:
    try:
        clean, notices = read(raw)
    except Invalid:
        return
    assert bool(notices) == (clean is not raw)
    assert bool(notices) == (clean != raw)
