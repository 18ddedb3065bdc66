"""The token bucket and the fair shares."""

from hypothesis import given
from hypothesis import strategies as st

from ours.core.pacing import Bucket, share_out, spread

RATES = st.floats(0.01, 10_000)
WANTS = st.dictionaries(st.integers(1, 20), st.integers(0, 100), max_size=10)


def test_a_bucket_never_starts_more_than_the_rate_and_its_small_burst() -> None:
    bucket, started = Bucket.full(40, 0), 0
    for now in range(0, 10_001, 7):
        bucket = bucket.filled(now)
        started += bucket.whole
        bucket = bucket.without(bucket.whole)
    assert 400 <= started <= 410


def test_a_slow_rate_still_lets_one_go_at_a_time() -> None:
    bucket = Bucket.full(0.1, 0)
    assert bucket.whole == 1
    spent = bucket.without(1)
    assert (spent.whole, spent.wait) == (0, 10_000)
    assert spent.filled(10_000).whole == 1
    assert spent.filled(3_600_000).whole == 1


def test_a_clock_that_was_set_back_neither_fills_nor_blocks() -> None:
    back = Bucket.full(10, 1_000_000).without(2).filled(0)
    assert back.whole == 0
    assert back.filled(100).whole == 1


@given(RATES, st.lists(st.integers(0, 5_000), max_size=30))
def test_over_any_time_no_more_starts_than_rate_and_burst_allow(rate: float, steps: list[int]) -> None:
    bucket, now, started = Bucket.full(rate, 0), 0, 0
    for step in steps:
        now += step
        bucket = bucket.filled(now)
        started += bucket.whole
        bucket = bucket.without(bucket.whole)
    assert started <= rate * now / 1000 + max(rate / 4, 1) + 0.001


def test_room_is_shared_equally_and_what_some_leave_goes_to_the_rest() -> None:
    assert share_out(100, {1: 1000, 2: 1000}) == {1: 50, 2: 50}
    assert share_out(100, {1: 1000, 2: 10, 3: 1000}) == {1: 45, 2: 10, 3: 45}
    assert share_out(100, {1: 3, 2: 4}) == {1: 3, 2: 4}
    assert share_out(0, {1: 3}) == {}


def test_where_there_is_too_little_room_for_all_the_turn_goes_round() -> None:
    wants = dict.fromkeys(range(1, 6), 10)
    served = [one for turn in range(5) for one in share_out(1, wants, turn)]
    assert sorted(served) == [1, 2, 3, 4, 5]


@given(st.integers(0, 600), WANTS, st.integers(0, 99))
def test_shares_use_the_room_and_are_fair(room: int, wants: dict[int, int], turn: int) -> None:
    shares = share_out(room, wants, turn)
    assert sum(shares.values()) == min(room, sum(wants.values()))
    assert all(0 < share <= wants[one] for one, share in shares.items())
    unmet = [shares.get(one, 0) for one, want in wants.items() if shares.get(one, 0) < want]
    assert max(unmet, default=0) - min(unmet, default=0) <= 1
    assert all(share <= min(unmet, default=share) + 1 for share in shares.values())


def test_a_backlog_is_spread_at_its_rate_or_goes_at_once() -> None:
    assert spread(4, 2, 1000) == [1000, 1500, 2000, 2500]
    assert spread(3, None, 1000) == [1000, 1000, 1000]
