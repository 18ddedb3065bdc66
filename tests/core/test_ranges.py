"""Numbers as short text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ours.core import ranges


def test_neighbours_are_written_as_a_range() -> None:
    assert ranges.write([7, 2, 3, 1]) == "1-3,7"
    assert ranges.read("1-3,7") == [1, 2, 3, 7]


def test_nothing_is_written_as_nothing() -> None:
    assert ranges.write([]) == ""
    assert ranges.read("") == []
    assert ranges.read(None) == []


@given(st.sets(st.integers(0, 200)))
def test_what_was_written_reads_back_in_order(numbers: set[int]) -> None:
    assert ranges.read(ranges.write(numbers)) == sorted(numbers)


def test_foreign_text_is_refused() -> None:
    with pytest.raises(ValueError):
        ranges.read("1-three")
