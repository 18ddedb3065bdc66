"""A backlog of 50,000 dispatches and one worker: is it as fast as with a little to do, and does it stay small?"""

from collections.abc import Callable
from functools import partial

from bench.finding import Contender, Finding, Plan, Ratio, compare, interleave
from bench.senders.filled import measure

_LARGE, _USUAL = 50_000, 5_000


def run(plan: Plan, say: Callable[[str], None]) -> Finding:
    contenders = [
        Contender(f"{count:,} dispatches", partial(measure, plan, "ours", count, "peak MiB"))
        for count in (_LARGE, _USUAL)
    ]
    rows = interleave(contenders, 1, say)
    large, usual = rows
    ratios = [
        compare("a large backlog ÷ a small one", large, usual, 0.5),
        Ratio("memory of the worker at its highest (MiB)", large.medians["peak MiB"], 250, most=True),
    ]
    return Finding("One worker drains a backlog to a fast receiver", rows, ratios)
