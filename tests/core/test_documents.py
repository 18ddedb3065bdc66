"""Files say what they seem to say: a word is a word, and what is written is read again as it was."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ours.core import documents

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("Yes", "Yes"), ("off", "off"), ("True", "True"), ("Null", "Null"), ("01234", "01234"),
        ("12:30", "12:30"), ("2026-11-23", "2026-11-23"), ("1_000", "1_000"), ("0x1f", "0x1f"), (".5", ".5"),
        ("true", True), ("null", None), ("~", None), ("-12", -12), ("1.50", 1.5), ("1e3", 1000.0), ("'1'", "1"),
        ('{"a": [null, true, 1]}', {"a": [None, True, 1]}),
    ],
)  # fmt: skip
def test_what_is_read(text: str, value: Any) -> None:
    assert documents.read(text) == value


@pytest.mark.parametrize("text", ["a: 1\na: 2", '{"a": 1, "a": 2}', "[1", "{[1]: 2}", "!!python/name:os.system ''"])
def test_what_can_not_be_read(text: str) -> None:
    with pytest.raises(documents.Unreadable):
        documents.read(text)


@given(VALUES)
def test_what_is_written_is_read_again(value: Any) -> None:
    assert documents.read(documents.write(value)) == value


@given(st.from_regex(r"[-+0-9.eE:_xno~]{1,6}", fullmatch=True))
def test_text_stays_text(text: str) -> None:
    assert documents.read(documents.write({"a": text})) == {"a": text}


_BOMB = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 20)
)


@pytest.mark.parametrize("text", ["a: &a {b: *a}", "&a [*a, *a]", _BOMB], ids=["circle", "circles", "bomb"])
def test_aliases_that_come_to_no_end_can_not_be_read(text: str) -> None:
    with pytest.raises(documents.Unreadable, match="an alias of it leads round in a circle"):
        documents.read(text)


def test_an_alias_says_again_what_it_names() -> None:
    assert documents.read("a: &a [1]\nb: *a") == {"a": [1], "b": [1]}
