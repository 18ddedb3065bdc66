"""Whom a worker leaves alone: for a round, or for as long as a rest lasts."""

from ours.core.breaker import REFUSALS_IN_A_ROW
from ours.services.deliver.barred import Barred

ONE, OTHER = 1, 2


def test_what_can_not_be_built_is_left_alone_for_a_round_whoever_wakes_meanwhile() -> None:
    barred = Barred()
    barred.let_rest(OTHER)
    assert [barred.note_unbuilt(ONE) for _ in range(REFUSALS_IN_A_ROW)] == [False] * (REFUSALS_IN_A_ROW - 1) + [True]
    barred.wake([OTHER])
    assert barred.ids == {ONE}
    barred.begin_round()
    assert barred.ids == set()


def test_one_that_is_built_begins_the_count_anew() -> None:
    barred = Barred()
    for _ in range(REFUSALS_IN_A_ROW - 1):
        barred.note_unbuilt(ONE)
    barred.note_built(ONE)
    assert not barred.note_unbuilt(ONE)
    assert barred.ids == set()


def test_a_rest_outlasts_rounds_and_what_is_stuck_does_not() -> None:
    barred = Barred()
    barred.let_rest(OTHER)
    barred.note_stuck(ONE)
    assert (barred.ids, barred.is_stuck(ONE), barred.is_stuck(OTHER)) == ({ONE, OTHER}, True, False)
    barred.begin_round()
    assert (barred.ids, barred.is_stuck(ONE)) == ({OTHER}, False)
