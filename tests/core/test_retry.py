"""What follows from the outcome of a try."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ours.core.retry import MOST_SPARED, OPEN, SCHEDULE, STATES, TERMINAL, Decision, decide, has_ended, sunk
from ours.plugin.types import (
    Delivered,
    Duplicate,
    Mode,
    Outcome,
    Rejected,
    Retry,
    Skipped,
    Split,
    Unauthorized,
    Unknown,
)

NOW = 1_754_874_909_594
OUTCOMES = st.one_of(
    st.just(Delivered()),
    st.just(Duplicate()),
    st.builds(Skipped, st.text(max_size=200)),
    st.builds(Rejected, st.text(max_size=200)),
    st.builds(Retry, st.text(max_size=200), after=st.none() | st.floats()),
    st.builds(Retry, st.text(max_size=200), after=st.none() | st.floats(), throttle=st.just(True)),
    st.builds(Unauthorized, st.text(max_size=200)),
    st.builds(Split, st.text(max_size=200)),
    st.builds(Unknown, st.text(max_size=200)),
)


def after(
    outcome: Outcome, attempt: int = 1, *, dedupes: bool = False, mode: Mode = "live", id_: str = "d1"
) -> Decision:
    return decide(outcome, attempt=attempt, now=NOW, dispatch_id=id_, dedupes=dedupes, mode=mode)


@pytest.mark.parametrize("outcome", [Delivered(), Duplicate()])
def test_what_arrived_is_delivered(outcome: Outcome) -> None:
    assert after(outcome) == Decision("delivered")


def test_a_skip_stops_and_a_rejection_is_final_each_with_its_code() -> None:
    assert after(Skipped("no_email")) == Decision("stopped", "no_email")
    assert after(Rejected("http_400")) == Decision("rejected", "http_400")


def test_an_unanswered_try_is_repeated_only_where_the_destination_dedupes() -> None:
    assert after(Unknown("timeout")) == Decision("held", "ambiguous")
    again = after(Unknown("timeout"), dedupes=True)
    assert (again.state, again.reason) == ("retrying", "timeout")


@given(st.integers(1, len(SCHEDULE)), st.uuids().map(lambda uuid: uuid.hex))
def test_a_wait_lies_within_the_schedule_and_is_the_same_each_time(attempt: int, id_: str) -> None:
    decision = after(Retry("http_503"), attempt, id_=id_)
    assert decision.due_at is not None
    assert NOW <= decision.due_at <= NOW + SCHEDULE[attempt - 1] * 1000
    assert decision == after(Retry("http_503"), attempt, id_=id_)


def waits(attempt: int, schedule: tuple[float, ...]) -> list[int]:
    """What a thousand dispatches wait after that try, in milliseconds."""
    made = (
        decide(Retry("busy"), attempt=attempt, now=NOW, dispatch_id=str(number), dedupes=False, mode="live",
               schedule=schedule)
        for number in range(1_000)
    )  # fmt: skip
    return [one.due_at - NOW for one in made if one.due_at is not None]


@pytest.mark.parametrize(("attempt", "longest"), [(1, 10_000), (2, 50_000), (3, 20_000)])
def test_waits_are_spread_over_all_of_their_place_in_the_schedule(attempt: int, longest: int) -> None:
    found = sorted(waits(attempt, (10.0, 50.0, 20.0)))
    assert len(found) == 1_000
    assert found[0] < 0.02 * longest
    assert 0.45 * longest < found[500] < 0.55 * longest
    assert 0.98 * longest < found[-1] <= longest


def test_a_dispatch_is_not_early_each_time() -> None:
    first, second = waits(1, (100.0, 100.0)), waits(2, (100.0, 100.0))
    assert sum(abs(one - other) < 1_000 for one, other in zip(first, second, strict=True)) < 50


def test_what_is_tried_again_is_never_due_at_once() -> None:
    assert set(waits(1, (0.0005,))) == {1}


def test_dispatches_that_failed_together_do_not_come_back_together() -> None:
    assert len({after(Retry("http_503"), 4, id_=str(number)).due_at for number in range(100)}) > 90


def test_the_try_after_the_last_wait_is_the_last() -> None:
    assert after(Retry("http_503"), len(SCHEDULE)).state == "retrying"
    assert after(Retry("http_503"), len(SCHEDULE) + 1) == Decision("exhausted", "http_503")
    assert after(Unknown("timeout"), len(SCHEDULE) + 1, dedupes=True) == Decision("exhausted", "timeout")


@given(st.floats(0.001, 24 * 3600), st.integers(1, len(SCHEDULE)), st.booleans())
def test_a_wait_that_the_destination_asked_for_is_kept_to_the_millisecond(
    seconds: float, attempt: int, throttle: bool
) -> None:
    asked_for = Retry("http_429", after=seconds, throttle=throttle)
    assert after(asked_for, attempt).due_at == NOW + math.ceil(seconds * 1000)


def test_a_throttled_try_is_spared_a_hundred_times_and_a_slow_destination_is_not() -> None:
    throttled = Retry("http_429", after=5, throttle=True)
    assert after(throttled, 99) == Decision("retrying", "http_429", NOW + 5_000, spared=True)
    last = decide(throttled, attempt=99, now=NOW, dispatch_id="d", dedupes=True, mode="live", spared=MOST_SPARED)
    assert last == Decision("exhausted", "http_429")
    assert not after(Retry("http_429", throttle=True)).spared
    assert not after(Retry("http_503", after=5)).spared


def test_refused_credentials_are_tried_again_by_the_schedule() -> None:
    decision = after(Unauthorized("http_401"))
    assert (decision.state, decision.reason) == ("retrying", "http_401")
    assert after(Unauthorized("http_401"), len(SCHEDULE) + 1) == Decision("exhausted", "http_401")


def test_what_can_not_be_split_is_rejected() -> None:
    assert after(Split("too_many")) == Decision("rejected", "too_many")


def test_nobody_makes_us_wait_more_than_a_day() -> None:
    assert after(Retry("http_429", after=math.inf)).due_at == NOW + 24 * 3600 * 1000


@pytest.mark.parametrize("seconds", [0.0, -5.0, math.nan])
def test_a_senseless_wait_falls_back_to_the_schedule(seconds: float) -> None:
    assert after(Retry("http_429", after=seconds)) == after(Retry("http_429"))


def test_a_schedule_of_ones_own_is_followed() -> None:
    decision = decide(Retry("busy"), attempt=2, now=NOW, dispatch_id="d", dedupes=False, mode="live", schedule=(1.0,))
    assert decision == Decision("exhausted", "busy")


@given(OUTCOMES, st.integers(1, 20), st.booleans())
def test_only_what_comes_back_has_a_moment_and_every_reason_can_be_stored(
    outcome: Outcome, attempt: int, dedupes: bool
) -> None:
    decision = after(outcome, attempt, dedupes=dedupes)
    assert (decision.due_at is not None) == (decision.state == "retrying")
    assert (decision.reason is None) == (decision.state == "delivered")
    assert decision.reason is None or (len(decision.reason) <= 100 and decision.reason.isprintable())
    assert decision.state != "sunk"


@given(OUTCOMES, st.integers(1, 20), st.booleans())
def test_a_test_dispatch_is_never_said_to_have_been_sent(outcome: Outcome, attempt: int, dedupes: bool) -> None:
    try:
        state = after(outcome, attempt, dedupes=dedupes, mode="test").state
    except AssertionError:
        assert after(outcome, attempt, dedupes=dedupes).state in {"delivered", "retrying", "exhausted"}
    else:
        assert state in {"stopped", "rejected", "held"}


def test_what_is_no_outcome_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        after(None)  # type: ignore[arg-type]


def test_a_test_dispatch_ends_sunk() -> None:
    assert sunk() == Decision("sunk", "test_mode")


def test_what_ended_or_waits_for_a_person_alone_has_ended() -> None:
    assert [state for state in STATES if has_ended(state, None)] == [one for one in STATES if one in TERMINAL]
    assert has_ended("held", "ambiguous")
    assert not has_ended("held", "paused")
    assert not has_ended("retrying", "ambiguous")


def test_every_state_is_either_open_or_terminal() -> None:
    assert not OPEN & TERMINAL
    assert len(OPEN | TERMINAL) == 9


@pytest.mark.parametrize(
    ("spared", "state"), [(0, "retrying"), (MOST_SPARED - 1, "retrying"), (MOST_SPARED, "exhausted")]
)
def test_a_probe_is_spared_though_all_tries_are_used_up(spared: int, state: str) -> None:
    decision = decide(
        Retry("http_503"), attempt=len(SCHEDULE) + 1, now=0, dispatch_id="d", dedupes=True, mode="live", spared=spared,
        probe=True,
    )  # fmt: skip
    assert (decision.state, decision.spared) == (state, state == "retrying")
