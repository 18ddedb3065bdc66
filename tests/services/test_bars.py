"""Whom a worker leaves alone: for a round, or for as long as a rest lasts."""

from ours.core.breaker import REFUSALS_IN_A_ROW
from ours.services.deliver.bars import Bars

ONE, OTHER = 1, 2


def test_what_can_not_be_built_is_left_alone_for_a_round_whoever_wakes_meanwhile() -> None:
    bars = Bars()
    bars.let_rest(OTHER)
    assert [bars.note_unbuilt(ONE) for _ in range(REFUSALS_IN_A_ROW)] == [False] * (REFUSALS_IN_A_ROW - 1) + [True]
    bars.wake([OTHER])
    assert bars.ids == {ONE}
    bars.begin_round()
    assert bars.ids == set()


def test_one_that_is_built_begins_the_count_anew() -> None:
    bars = Bars()
    for _ in range(REFUSALS_IN_A_ROW - 1):
        bars.note_unbuilt(ONE)
    bars.note_built(ONE)
    assert not bars.note_unbuilt(ONE)
    assert bars.ids == set()


def test_a_rest_outlasts_rounds_and_what_is_stuck_does_not() -> None:
    bars = Bars()
    bars.let_rest(OTHER)
    bars.note_stuck(ONE)
    assert (bars.ids, bars.is_stuck(ONE), bars.is_stuck(OTHER)) == ({ONE, OTHER}, True, False)
    bars.begin_round()
    assert (bars.ids, bars.is_stuck(ONE)) == ({OTHER}, False)
