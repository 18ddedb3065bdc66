"""JSON bytes are read exactly as they were meant, or refused with a sentence."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ours.core import wire

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6), inner, max_size=4
        )
    ),
    max_leaves=12,
)


def outcome(body: bytes) -> str:
    try:
        wire.read(body)
    except wire.Unreadable as problem:
        return str(problem)
    return "Read."


@settings(max_examples=150)
@given(json_values, st.booleans())
def test_what_json_can_say_comes_back_exactly(value: Any, escaped: bool) -> None:
    read = wire.read(json.dumps(value, ensure_ascii=escaped).encode())
    assert read == value
    assert json.dumps(read) == json.dumps(value)


@settings(max_examples=150)
@given(st.binary(max_size=40) | st.text('{}[]",:0123456789.eE-+tfn\\u\0 ', max_size=40).map(str.encode))
def test_any_bytes_are_read_or_refused_with_a_sentence(body: bytes) -> None:
    assert outcome(body).endswith(".")


@pytest.mark.parametrize(
    "number", [2**53 + 1, 2**63, 2**64 - 1, 2**64, 2**64 + 1, -(2**63), -(2**63) - 1, 10**30, -(10**30), 10**300]
)
def test_whole_numbers_of_any_length_are_exact(number: int) -> None:
    assert wire.read(f'{{"a": [{number}]}}'.encode()) == {"a": [number]}


def test_long_digits_inside_text_and_fractions_stay_what_they_are() -> None:
    body = b'{"a": "18446744073709551616", "b": 0.12345678901234567890123, "c": 1e25, "d": 12345678901234567890123.5}'
    assert wire.read(body) == json.loads(body)


def test_of_a_repeated_key_the_last_one_counts() -> None:
    assert wire.read(b'{"a": 1, "a": {"b": 1, "b": 2}}') == {"a": {"b": 2}}
    assert wire.read(b'{"a": 1, "a": 18446744073709551616}') == {"a": 2**64}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b'{"a": NaN}', "line 1, column 7: NaN is no number of JSON. Send null"),
        (b'{"a":\n -Infinity}', "line 2, .*: Infinity is no number"),
        (b'{"a": 1e999}', "not valid JSON"),
        (b'{"a": "\xff"}', "not valid UTF-8 at byte 7"),
        (b'{"a": "\xed\xa0\x80"}', "not valid UTF-8"),
        (rb'{"a": "\ud800"}', "surrogate"),
        (rb'{"\udc00": 1}', "surrogate"),
        (b'{"a": "\0"}', "control character"),
        (rb'{"a": "\u0000"}', "NUL"),
        (rb'{"a\u0000": 1}', "NUL"),
        (rb'[[{"a": {"b": ["\u0000"]}}]]', "NUL"),
        (b"\xef\xbb\xbf{}", "byte order mark .* Send it without"),
        (b"\x1f\x8b\x08\x00", "looks like gzip. Say so"),
        ('{"a": 1}'.encode("utf-16"), "looks like UTF-16. Send it in UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), "looks like UTF-16"),
        ('{"a": 1}'.encode("utf-16-be"), "looks like UTF-16"),
        ('{"a": "é"}'.encode("latin-1"), "byte 7. Send it in UTF-8"),
        (b"{} {}", "not valid JSON"),
        (b"[" * 5000 + b"]" * 5000, "not valid JSON"),
        (b"9" * 310, "infinity"),
        (b"[" + b"[]," * 100_000 + b"0]", "100,000 objects"),
        (b"[" + b"0," * 500_001 + b"0]", "500,000 values"),
    ],
    ids=lambda part: str(part)[:20],
)
def test_what_can_not_be_read_is_refused_with_the_reason(body: bytes, said: str) -> None:
    with pytest.raises(wire.Unreadable, match=said):
        wire.read(body)


@pytest.mark.parametrize("part", ["1", "18446744073709551616", r'"\u0000"', "x"])
def test_deep_nesting_is_read_or_refused_and_never_breaks_anything(part: str) -> None:
    for depth in (100, 900, 1000, 1023, 1024, 2000, 100_000):
        assert outcome(("[" * depth + part + "]" * depth).encode())


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (rb'{"events": [{"event": "A"}, {"event": "B\u0000", "userId": "\u0000"}]}', " in events.1.event, "),
        (rb'{"events": [{"eventProperties": {"a": [1, "\u0000"]}}]}', " in events.0.eventProperties.a.1, "),
        (rb'{"userProperties": {"a\u0000": 1}}', " in a name inside userProperties, "),
        (rb'{"\u0000": 1}', " in a name inside itself, "),
        (b"[" * 500 + rb'"\u0000"' + b"]" * 500, " in " + ("0." * 100) + ", "),
    ],
)
def test_where_a_nul_stands_is_told(body: bytes, where: str) -> None:
    with pytest.raises(wire.Unreadable) as refused:
        wire.read(body)
    assert where in str(refused.value)


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    assert wire.read(rb'{"a": "\\u0000"}') == {"a": "\\u0000"}


def test_pairs_of_surrogates_are_one_character() -> None:
    assert wire.read(rb'"\ud83d\ude00"') == "😀"


def test_the_reason_does_not_repeat_what_was_sent() -> None:
    with pytest.raises(wire.Unreadable) as caught:
        wire.read(b'{"email": "ann@example.com", "x": secret}')
    assert "ann" not in str(caught.value)
    assert "secret" not in str(caught.value)
