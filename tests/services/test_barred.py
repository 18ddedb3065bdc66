"""Whom a worker leaves alone: for a round, or for as long as a rest lasts."""

from ours.core.breaker import REFUSALS_IN_A_ROW
from ours.services.deliver.barred import ITS_SECONDS, Barred

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


def test_a_rest_outlasts_rounds() -> None:
    barred = Barred()
    barred.let_rest(OTHER)
    barred.begin_round()
    assert barred.ids == {OTHER}


def test_a_round_is_over_with_the_first_call_that_does_not_end_and_its_plugin_waits_for_a_round_that_goes_well() -> (
    None
):
    barred = Barred()
    barred.note_stuck("dawdler")
    assert barred.bars(OTHER, "webhook")
    assert (barred.is_stuck("dawdler"), barred.is_stuck("webhook")) == (True, False)
    barred.begin_round()
    assert barred.bars(ONE, "dawdler")
    assert not barred.bars(OTHER, "webhook")
    barred.note_stuck("another")
    barred.begin_round()
    assert barred.bars(ONE, "dawdler")
    assert barred.bars(OTHER, "another")
    barred.begin_round()
    assert not barred.bars(ONE, "dawdler")
    assert not barred.bars(OTHER, "another")


def test_a_plugin_that_had_its_time_waits_for_the_next_round_and_keeps_nobody_else_waiting() -> None:
    barred = Barred()
    for _ in range(2):
        barred.note_time("slow", ITS_SECONDS * 0.6, 1)
    assert (barred.bars(ONE, "slow"), barred.had_its_time("slow")) == (True, True)
    assert (barred.bars(OTHER, "webhook"), barred.had_its_time("webhook")) == (False, False)
    barred.begin_round()
    assert not barred.bars(ONE, "slow")


def test_a_round_is_over_when_all_plugins_together_had_their_time_and_the_slowest_waits_for_one_that_goes_well() -> (
    None
):
    barred = Barred()
    barred.note_time("slow", ITS_SECONDS * 0.9, 1)
    barred.note_time("slower", ITS_SECONDS, 2)
    assert (barred.bars(OTHER, "webhook"), barred.had_its_time("webhook")) == (True, True)
    barred.begin_round()
    assert barred.bars(ONE, "slower")
    assert (barred.bars(OTHER, "slow"), barred.bars(OTHER, "webhook")) == (False, False)
    barred.begin_round()
    assert not barred.bars(ONE, "slower")
