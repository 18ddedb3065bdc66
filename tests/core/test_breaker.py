"""The breaker: when it opens, for how long, and what closes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ours.core.breaker import (
    CLOSED,
    FAULTS,
    FIRST_PAUSE,
    IN_A_ROW,
    LONGEST_PAUSE,
    REFUSALS_IN_A_ROW,
    Breaker,
    Verdict,
    Window,
    after,
    verdict_of,
)
from ours.plugin import Delivered, Duplicate, Outcome, Rejected, Retry, Skipped, Split, Unauthorized, Unknown

NOW = 1_000_000
VERDICTS = st.sampled_from(["worked", "failed", "refused"])


def fold(verdicts: list[Verdict], breaker: Breaker = CLOSED) -> Breaker:
    for verdict in verdicts:
        breaker = after(breaker, verdict, NOW)
    return breaker


@pytest.mark.parametrize("fault", FAULTS)
def test_five_faults_of_a_plugin_in_a_row_pause_and_one_that_worked_starts_anew(fault: Verdict) -> None:
    assert fold([fault] * REFUSALS_IN_A_ROW).refuses
    assert not fold([*[fault] * 4, "worked", *[fault] * 4]).refuses


def test_ten_failures_in_a_row_open_it_for_thirty_seconds() -> None:
    assert fold(["failed"] * (IN_A_ROW - 1)).state == "closed"
    opened = fold(["failed"] * IN_A_ROW)
    assert opened == Breaker("open", IN_A_ROW, until=NOW + 30_000)
    assert opened.why == "10 tries in a row"


@pytest.mark.parametrize("between", ["worked", "refused"])
def test_an_answer_in_between_starts_the_count_anew(between: Verdict) -> None:
    assert fold(["failed"] * 9 + [between] + ["failed"] * 9).state == "closed"


def test_mostly_failing_opens_it_without_ten_in_a_row() -> None:
    opened = after(CLOSED, "failed", NOW, mostly_failing=True)
    assert opened == Breaker("open", 1, until=NOW + FIRST_PAUSE)
    late = after(Breaker(failures=IN_A_ROW - 2), "failed", NOW, mostly_failing=True)
    assert late.state == "open"
    assert opened.why == late.why == "at least half of its tries within a minute"


def test_so_opened_its_pause_doubles_once_ten_failed_in_a_row() -> None:
    breaker, pauses = after(CLOSED, "failed", NOW, mostly_failing=True), []
    for _ in range(10):
        breaker = after(breaker.half_opened(), "failed", NOW)
        pauses.append(((breaker.until or 0) - NOW) // 1000)
    assert pauses == [30] * 9 + [60]
    assert breaker.why == "11 tries in a row"


def test_while_open_what_was_under_way_changes_nothing() -> None:
    opened = fold(["failed"] * IN_A_ROW)
    assert fold(["worked", "failed", "refused"], opened) == opened


def test_each_failed_probe_doubles_the_pause_up_to_ten_minutes() -> None:
    breaker, pauses = fold(["failed"] * IN_A_ROW), []
    for _ in range(8):
        breaker = after(breaker.half_opened(), "failed", NOW)
        pauses.append(((breaker.until or 0) - NOW) // 1000)
    assert pauses == [60, 120, 240, 480, 600, 600, 600, 600]


def test_a_probe_that_works_closes_it_and_forgets() -> None:
    assert after(fold(["failed"] * IN_A_ROW).half_opened(), "worked", NOW) == CLOSED


def test_it_may_be_tried_when_its_pause_is_over_or_the_clock_was_set_back() -> None:
    opened = fold(["failed"] * IN_A_ROW)
    assert not opened.may_be_tried(NOW + 29_999)
    assert opened.may_be_tried(NOW + 30_000)
    assert opened.may_be_tried(NOW - 2 * LONGEST_PAUSE)
    assert not CLOSED.may_be_tried(NOW)


def test_refusals_of_our_credentials_are_counted_in_a_row() -> None:
    assert fold(["refused"] * REFUSALS_IN_A_ROW).refuses
    assert fold(["refused"] * REFUSALS_IN_A_ROW + ["worked"]).refuses
    assert not fold(["refused"] * (REFUSALS_IN_A_ROW - 1)).refuses
    assert fold(["refused"] * 4 + ["worked", "refused"]).refusals == 1
    assert fold(["refused"] * 4 + ["failed", "refused"]).refusals == 1


@given(st.lists(VERDICTS, max_size=40))
def test_open_is_exactly_the_state_with_a_moment_and_its_pause_is_bounded(verdicts: list[Verdict]) -> None:
    breaker = fold(verdicts)
    assert (breaker.state == "open") == (breaker.until is not None)
    if breaker.until:
        assert FIRST_PAUSE <= breaker.until - NOW <= LONGEST_PAUSE


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        (Delivered(), "worked"),
        (Duplicate(), "worked"),
        (Skipped("not_mine"), "worked"),
        (Rejected("http_400", "No."), "worked"),
        (Rejected("http_403", "No."), "worked"),
        (Unauthorized("http_401", "No."), "refused"),
        (Split("http_413", "Too many."), "worked"),
        (Split("not_the_api", "A page."), "refused"),
        (Retry("http_503", "Later."), "failed"),
        (Retry("http_429", "Slowly.", 5.0), "failed"),
        (Retry("http_429", "Slowly.", throttle=True), "failed"),
        (Retry("http_429", "Slowly.", 5.0, throttle=True), None),
        (Retry("connect_failed", "Nobody there."), "failed"),
        (Retry("dns_failed", "Nobody there."), "failed"),
        (Unknown("timeout", "Who knows."), "failed"),
        (Unknown("worker_stopped", "We went."), None),
        (Unknown("lease_lost", "It went."), None),
        (Rejected("ssrf_refused", "Private."), None),
        (Rejected("invalid_request", "No such scheme."), None),
        (Unknown("response_too_large", "Too long."), None),
        (Retry("out_of_files", "Ours are too many."), None),
        (Rejected("build_failed", "A bug."), "build_failed"),
        (Rejected("send_failed", "A bug."), "send_failed"),
        (Unknown("read_failed", "A bug."), "read_failed"),
        (Unknown("plugin_timeout", "A bug."), "hung"),
    ],
)
def test_what_an_outcome_says_of_the_destination(outcome: Outcome, verdict: Verdict | None) -> None:
    assert verdict_of([outcome]) == verdict


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        ([], None),
        ([Retry("http_503"), Delivered()], "worked"),
        ([Retry("http_503"), Rejected("http_400")], "worked"),
        ([Delivered(), Unauthorized("http_403")], "refused"),
        ([Retry("http_503"), Unknown("timeout")], "failed"),
        ([Unknown("read_failed"), Delivered()], "worked"),
        ([Unknown("timeout"), Unknown("read_failed")], "read_failed"),
    ],
)
def test_a_batch_says_one_thing_of_the_destination(outcomes: list[Outcome], verdict: Verdict | None) -> None:
    assert verdict_of(outcomes) == verdict


def window(*tries: tuple[int, bool]) -> Window:
    made = Window()
    for at, failed in tries:
        made.note(at, failed=failed)
    return made


def test_half_of_forty_tries_is_mostly_failing() -> None:
    tries = [(NOW, number % 2 == 0) for number in range(40)]
    assert window(*tries).mostly_failing
    assert not window(*tries[:-1]).mostly_failing
    assert not window(*tries, (NOW, False), (NOW, False)).mostly_failing


def test_what_is_older_than_a_minute_or_lies_ahead_is_forgotten() -> None:
    failing = [(NOW, True)] * 40
    assert window(*failing, (NOW + 50_000, True)).mostly_failing
    assert not window(*failing, (NOW + 65_000, True)).mostly_failing
    assert not window(*failing, (NOW - 65_000, True)).mostly_failing
