"""Email addresses, and what only stands in their place."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ours.core.emails import hashed, normalise


@pytest.mark.parametrize("written", ["ann@example.com", " Ann@Example.COM ", "ann@example.com\n"], ids=repr)
def test_one_address_reads_the_same_however_it_is_written(written: str) -> None:
    assert normalise(written) == "ann@example.com"


def test_an_accent_may_be_one_with_its_letter_or_stand_by_itself() -> None:
    assert normalise("jos\u00e9@example.com") == normalise("JOSE\u0301@example.com")
    assert hashed("jos\u00e9@example.com") == hashed(" JOSE\u0301@example.com")


@pytest.mark.parametrize(
    "written",
    ["", " ", "N/A", "none", "null", "-", "@", "ann", "ann@", "@example.com", "ann@example", "ann @example.com",
     "a@b@c.d", None, 0, True, 1.5, ["ann@example.com"], {"home": "ann@example.com"}],
    ids=repr,
)  # fmt: skip
def test_what_is_no_address_names_nobody(written: Any) -> None:
    assert normalise(written) is None


@given(st.text() | st.from_regex(r"[a-z]+@[a-z]+\.[a-z]+"))
def test_what_was_read_reads_as_itself(written: str) -> None:
    found = normalise(written)
    assert found is None or normalise(found) == found
