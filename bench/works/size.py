"""Single events of different sizes: what does a larger body cost?"""

from collections.abc import Callable
from functools import partial

from bench import servers
from bench.finding import Contender, Figures, Finding, Plan, Ratio, interleave
from bench.load import Job, press

_SIZES = {"0.5 KB": 500, "5 KB": 5_000, "50 KB": 50_000}


def run(plan: Plan, say: Callable[[str], None]) -> Finding:
    contenders = [Contender(name, partial(measure, plan, size)) for name, size in _SIZES.items()]
    rows = interleave(contenders, plan.rounds, say)
    small, middle, _ = (row.medians["events/s"] for row in rows)
    ratios = [Ratio("5 KB ÷ 0.5 KB", middle / small, 0.6)]
    return Finding("Single events by size, 32 connections", rows, ratios)


def measure(plan: Plan, size: int) -> Figures:
    with servers.folder(plan.base) as home, servers.ours_web(plan.base) as server:
        job = Job(port=server.port, key=server.key, tag="size", seconds=plan.seconds, size=size)
        load = press(job, home)
    return {
        "events/s": load.rate,
        "MB/s": load.rate * size / 1e6,
        "p50 ms": load.p50_ms,
        "p99 ms": load.p99_ms,
        "failed": load.failed,
    }
