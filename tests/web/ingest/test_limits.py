"""A source gets its number of requests a second, and not one more."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ours.web.ingest.limits import Limits


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_seconds_worth_may_come_at_once_and_then_one_must_wait() -> None:
    clock = Clock()
    limits = Limits(clock)
    assert [limits.take(1, 3).wait for _ in range(4)] == [None, None, None, 1]
    clock.now += 1 / 3 + 0.001
    assert [limits.take(1, 3).wait for _ in range(2)] == [None, 1]


def test_sources_do_not_share() -> None:
    limits = Limits(Clock())
    assert [limits.take(source, 1).wait for source in (1, 2)] == [None, None]


def test_what_is_left_is_told() -> None:
    clock = Clock()
    limits = Limits(clock)
    assert limits.take(1, 10).headers == {
        "X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "9", "X-RateLimit-Reset": "1",
    }  # fmt: skip
    clock.now += 60
    assert limits.take(1, 10).remaining == 9


def test_a_lowered_limit_holds_at_once() -> None:
    limits = Limits(Clock())
    limits.take(1, 100)
    assert limits.take(1, 2).remaining == 1


@settings(max_examples=60)
@given(limit=st.integers(1, 50), steps=st.lists(st.floats(0, 2), max_size=100))
def test_no_pattern_of_requests_gets_more_than_the_limit_and_one_seconds_worth(limit: int, steps: list[float]) -> None:
    clock = Clock()
    limits = Limits(clock)
    taken = 0
    for step in steps:
        clock.now += step
        taken += limits.take(1, limit).wait is None
    assert taken <= limit + limit * sum(steps) + 1e-6
