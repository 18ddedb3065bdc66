"""The same events to a destination that takes one a request, and to one that takes a hundred."""

from collections.abc import Callable
from functools import partial

from bench.finding import Contender, Finding, Plan, Ratio, compare, interleave
from bench.senders.filled import measure

_COUNT = 5_000
_NAMES = {"ours": "an event a request", "batched": "100 events a request"}


def run(plan: Plan, say: Callable[[str], None]) -> Finding:
    contenders = [Contender(name, partial(measure, plan, way, _COUNT, "requests")) for way, name in _NAMES.items()]
    rows = interleave(contenders, plan.rounds, say)
    single, packed = rows
    fewer = single.medians["requests"] / packed.medians["requests"]
    ratios = [
        compare("100 a request ÷ one a request", packed, single, 2),
        Ratio("requests of one a request ÷ of 100 a request", fewer, 50),
    ]
    return Finding("One worker delivers to a destination that takes many events at once", rows, ratios)
