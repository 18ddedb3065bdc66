"""Phone numbers as digits."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ours.core.phones import normalise


@pytest.mark.parametrize(
    "written",
    ["+1 (555) 010-0000", "0015550100000", "15550100000", 15550100000, "1.555.010.0000",
     "+1\u00a0555\u2011010\u20110000", "١٥٥٥٠١٠٠٠٠٠", "００15550100000"],
    ids=repr,
)  # fmt: skip
def test_one_number_reads_the_same_however_it_is_written(written: Any) -> None:
    assert normalise(written) == "15550100000"


def test_no_country_code_is_guessed() -> None:
    assert normalise("555 010 0000") == "5550100000"
    assert normalise("0555 010 0000") == "05550100000"


@pytest.mark.parametrize(
    "written",
    ["", "unknown", "123", "000000000", "+1 555 010 0000 ext. 5", "1" * 16, "1" * 10_000, -15550100000, True,
     None, 1.5, ["15550100000"], {"home": "15550100000"}, "²²²²²²²²"],
    ids=lambda written: repr(written)[:20],
)  # fmt: skip
def test_what_is_no_number_names_nobody(written: Any) -> None:
    assert normalise(written) is None


def test_a_number_too_long_to_write_down_names_nobody() -> None:
    assert normalise(10**5000) is None


@given(st.text() | st.integers() | st.floats() | st.lists(st.text()))
def test_anything_is_read_as_7_to_15_digits_or_as_nothing(written: Any) -> None:
    digits = normalise(written)
    assert digits is None or (digits.isascii() and digits.isdigit() and 7 <= len(digits) <= 15)


@given(st.from_regex(r"[1-9][0-9]{6,14}", fullmatch=True), st.sampled_from(["", "+", "00", "+00"]), st.data())
def test_formatting_and_the_international_mark_do_not_count(digits: str, mark: str, data: st.DataObject) -> None:
    gaps = [data.draw(st.sampled_from(["", " ", "-", ".", "/"])) for _ in digits]
    written = mark + "".join(gap + digit for gap, digit in zip(gaps, digits, strict=True))
    assert normalise(written) == digits
