"""Prepared events on their way to a receiver that answers at once: what does keeping books cost?"""

from collections.abc import Callable
from functools import partial

from bench.finding import Contender, Finding, Plan, compare, interleave
from bench.senders.filled import measure

_COUNTS = {"ours": 5_000, "bare": 20_000, "session": 3_000, "naive": 60}
_NAMES = {
    "ours": "ours, one worker",
    "bare": "libcurl, no books",
    "session": "requests.Session loop",
    "naive": "RQ, a forked job each",
}


def run(plan: Plan, say: Callable[[str], None]) -> Finding:
    contenders = [Contender(name, partial(measure, plan, way, _COUNTS[way])) for way, name in _NAMES.items()]
    rows = interleave(contenders, plan.rounds, say)
    ours, bare, session, naive = rows
    ratios = [
        compare("ours ÷ libcurl, no books", ours, bare, 0.6),
        compare("ours ÷ requests.Session loop", ours, session, 5),
        compare("ours ÷ RQ, a forked job each", ours, naive, 200),
    ]
    return Finding("Delivery to a fast receiver", rows, ratios)
