"""Five hundred events a request."""

from collections.abc import Callable
from functools import partial

from bench import servers
from bench.finding import Contender, Finding, Plan, compare, interleave
from bench.works.track import measure, naive

ROWS = 500


def run(plan: Plan, say: Callable[[str], None]) -> Finding:
    contenders = [
        Contender("ours, batches", partial(measure, plan, servers.ours_web, ROWS, 4)),
        Contender("ours, single events", partial(measure, plan, servers.ours_web)),
        Contender("naive twin, batches", partial(measure, plan, naive, ROWS, 2)),
    ]
    rows = interleave(contenders, plan.rounds, say)
    ours, single, naive_row = rows
    ratios = [
        compare("ours, batches ÷ ours, single events", ours, single, 5),
        compare("ours ÷ naive twin, batches", ours, naive_row, 40),
    ]
    return Finding(f"`POST /api/v1/batch` with {ROWS} events", rows, ratios)
