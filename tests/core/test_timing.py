"""When an event happened: A.6 with its boundaries."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ours.core.timing import as_sent, occurred_at

NOW = 1_800_000_000_000
WEEK = 7 * 24 * 3600 * 1000


def told(raw: Any) -> tuple[int, str | None]:
    moment, notice = occurred_at(raw, NOW)
    return moment, notice.code if notice else None


@pytest.mark.parametrize(
    ("raw", "moment", "code"),
    [
        (None, NOW, None),
        (NOW, NOW, None),
        (NOW - 1, NOW - 1, None),
        (NOW - 1500.7, NOW - 1501, None),
        (NOW - WEEK, NOW - WEEK, None),
        (NOW - WEEK - 1, NOW - WEEK, "time_too_old"),
        (0, NOW - WEEK, "time_too_old"),
        (-0.0, NOW - WEEK, "time_too_old"),
        (NOW + 1, NOW, None),
        (NOW + 60_000, NOW, None),
        (NOW + 60_001, NOW, "time_in_future"),
        (10**400, NOW, "time_in_future"),
        (float("inf"), NOW, "time_in_future"),
        (NOW // 1000, NOW - WEEK, "time_in_seconds"),
        (10**9, NOW - WEEK, "time_in_seconds"),
        (10**9 - 1, NOW - WEEK, "time_too_old"),
        (10**11, NOW - WEEK, "time_in_seconds"),
        (10**11 + 1, NOW - WEEK, "time_too_old"),
        (-1, NOW, "time_ignored"),
        (float("nan"), NOW, "time_ignored"),
        (str(NOW - 1), NOW, "time_ignored"),
        ("", NOW, "time_ignored"),
        (True, NOW, "time_ignored"),
        (False, NOW, "time_ignored"),
        ([NOW], NOW, "time_ignored"),
        ({}, NOW, "time_ignored"),
    ],
)
def test_what_was_sent_becomes_a_moment_and_perhaps_a_warning(raw: Any, moment: int, code: str | None) -> None:
    assert told(raw) == (moment, code)


@settings(max_examples=200)
@given(
    st.none() | st.booleans() | st.text(max_size=5) | st.integers() | st.floats() | st.lists(st.integers(), max_size=2)
)
def test_whatever_is_sent_the_moment_lies_in_the_last_7_days(raw: Any) -> None:
    moment, _ = occurred_at(raw, NOW)
    assert type(moment) is int
    assert NOW - WEEK <= moment <= NOW


@pytest.mark.parametrize(
    ("raw", "moment"),
    [
        (NOW, NOW),
        (5.9, 5),
        (0, 0),
        (2**53, 2**53),
        (2**53 + 2, None),
        (10**5000, None),
        (-1, None),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
        ("5", None),
        (None, None),
    ],
    ids=lambda value: repr(value) if not isinstance(value, int) or value < 2**60 else "huge",
)
def test_a_moment_as_it_was_sent_is_a_number_or_none(raw: Any, moment: int | None) -> None:
    assert as_sent(raw) == moment
