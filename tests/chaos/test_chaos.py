"""A short storm; ``make chaos`` is the long one. And the judge is judged."""

import pytest

from tests.chaos import judging
from tests.chaos.hostile import Heard
from tests.chaos.killing import Blow
from tests.chaos.storm import Plan, run


@pytest.mark.slow
def test_a_short_storm_loses_nothing() -> None:
    plan = Plan(seed=7, seconds=4, gap=1, patience=60, hangs=False, only=("deliver-1", "web", "scheduler", "flush"))
    verdict = run(plan, "sqlite", print)
    assert verdict.holds, verdict
    assert {"deliver-1", "web"} <= {*verdict.kills}
    assert verdict.delivered + verdict.refused == verdict.owed


def heard(event: str, mood: str = "well", at: float = 10.0) -> Heard:
    return Heard("/well", f"d-{event}", event, "Purchase live", mood, at)


def test_what_the_receiver_never_took_nor_refused_is_lost() -> None:
    accepted = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}
    log = [heard("a"), heard("b", "refusal"), heard("c", "500")]
    assert judging.losses(accepted, log, ["/well"]) == [("c", "/well"), ("d", "/well")]


@pytest.mark.parametrize(
    ("blows", "mood", "unexplained"),
    [([], "well", 1), ([Blow("web", 10.1)], "well", 0), ([Blow("web", 20.0)], "well", 1), ([], "cut", 0)],
)
def test_a_delivery_taken_twice_is_explained_by_a_blow_right_after_it_or_a_cut_answer(
    blows: list[Blow], mood: str, unexplained: int
) -> None:
    count, _, rest = judging.duplicates([heard("a", mood), heard("a", at=40.0), heard("b")], blows)
    assert (count, len(rest)) == (1, unexplained)


def test_recovery_is_from_the_blow_to_the_arrival_of_something_younger() -> None:
    accepted = {"old": 1.0, "new": 4.0}
    log = [heard("old", at=5.0), heard("new", at=6.5)]
    assert judging.recoveries(accepted, log, [Blow("web", 2.0), Blow("web", 9.0)], "/well") == [("web", 4.5)]
