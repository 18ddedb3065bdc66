"""What is old is deleted as fast as more comes in, however much that is, and gently where there is time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ours.core.clearing import MOST, Clearing, fit, pace

TOOK = st.floats(0.0005, 0.2)
DAY = 24 * 3_600_000
FULL = 43 / 0.005
"""So many a second could be deleted without a rest, by chunks of a moment."""


def deleted_in(seconds: float, clearing: Clearing, *, comes: float, slow: float = 1.0, turn: float = 0.0) -> float:
    """How many events of four rows a second are deleted in so long, on a machine that is so many times as ``slow`` as
    the one where chunks were measured. Each waits for its ``turn``; how much comes is looked at every three seconds.
    """
    now, deleted, looked = 1_000.0, 0, 0.0
    ends = now + seconds
    while now < ends:
        if now - looked >= 3:
            clearing.begin(comes, looked := now)
        count = clearing.rows // 4
        took = (0.002 + count * 0.00007) * slow
        now += turn + took
        deleted += count
        now += clearing.rest_after(took, count, now)
    return deleted / seconds


@given(TOOK)
def test_a_chunk_is_smaller_after_one_that_took_long_and_larger_after_a_quick_one(took: float) -> None:
    assert 100 <= fit(300, took) <= MOST
    assert (fit(300, took) < 300) == (took > 0.00501) or fit(300, took) == 300
    assert fit(300, took) <= fit(300, took, behind=True) <= MOST


@given(TOOK, st.floats(-5, 5), st.floats(-5, 1e9))
def test_others_always_have_their_share(took: float, spare: float, soon: float) -> None:
    assert took / 4 <= pace(took, spare, soon) <= took * 30
    if spare >= 2 * took:
        assert pace(took, spare, soon) >= 2 * took


@pytest.mark.parametrize("comes", [10, 100, 400, 1_000, 2_000, 4_000])
def test_as_many_are_deleted_as_come_in(comes: int) -> None:
    assert deleted_in(600, Clearing(), comes=comes) > comes * 1.05


@pytest.mark.parametrize(("slow", "turn"), [(5, 0), (2, 0.05), (5, 0.05)])
def test_it_keeps_up_also_where_chunks_are_slow_or_wait_for_long(slow: float, turn: float) -> None:
    assert deleted_in(600, Clearing(), comes=500, slow=slow, turn=turn) > 500


def test_while_little_comes_in_it_is_at_work_for_a_small_part_of_the_time() -> None:
    assert deleted_in(600, Clearing(), comes=100) < FULL / 20


def test_what_is_overdue_is_gone_within_hours_but_two_of_three_moments_stay_free() -> None:
    some, many = Clearing(), Clearing()
    some.look(range(0, 250 * 4, 4), 4 * 2_000_000, more=True)
    many.look(range(0, 250 * 4, 4), 60 * DAY, more=True)
    quick = deleted_in(600, some, comes=100)
    assert 600 < quick < 800
    assert quick < deleted_in(600, many, comes=100) < FULL / 3 * 1.05


def test_what_comes_in_all_at_once_is_no_reason_to_hurry_once_it_is_gone() -> None:
    one = Clearing()
    one.begin(0, 1_000)
    one.look([0] * 250, DAY, more=True)
    assert one.rest_after(0.005, 25, 1_000) == pytest.approx(0.01)
    one.look([0] * 250, DAY, more=False)
    assert one.rest_after(0.005, 25, 1_000) == pytest.approx(0.15)
