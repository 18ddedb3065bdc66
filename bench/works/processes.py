"""More processes on one PostgreSQL: how much more do they carry, until the cores are full?

Each web process is pressed by a load generator of its own. With workers, what was accepted is routed and delivered too.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psutil

from bench import servers
from bench.cluster import cluster
from bench.finding import Contender, Figures, Finding, Plan, compare, interleave
from bench.load import Job, Load, press
from bench.tally import Tally

_CONNECTIONS = 16
_LAST_WAIT = 60.0


def run(plan: Plan, say: Callable[[str], None]) -> Finding:
    contenders = [
        Contender("1 web", partial(measure, plan, 1, 0)),
        Contender("2 web", partial(measure, plan, 2, 0)),
        Contender("1 web, 1 deliver", partial(measure, plan, 1, 1)),
        Contender("2 web, 2 deliver", partial(measure, plan, 2, 2)),
    ]
    rows = interleave(contenders, plan.rounds, say)
    ratios = [
        compare("2 web ÷ 1 web", rows[1], rows[0], 1.5),
        compare("2 web, 2 deliver ÷ 1 web, 1 deliver", rows[3], rows[2], 1.3),
    ]
    notes = [f"{os.cpu_count()} cores carry PostgreSQL, the load generators and the receiver too."]
    return Finding("Processes on one PostgreSQL", rows, ratios, notes)


def measure(plan: Plan, webs: int, deliverers: int) -> Figures:
    workers = ["route", "scheduler", *["deliver"] * deliverers] if deliverers else []
    with (
        servers.receiver(plan.base) as receiver,
        cluster(plan.base, webs, workers, [receiver.url] if deliverers else []) as here,
        Tally(receiver.tally) as tally,
        ThreadPoolExecutor(webs) as threads,
    ):
        psutil.cpu_percent()  # from here
        loads = list(threads.map(partial(_press, plan, here.key), here.ports))
        busy = psutil.cpu_percent()
        during = tally.count
        sent = sum(load.sent for load in loads)
        # `wrk` ends with requests under way that it does not count, so more may arrive than it says it sent.
        missing = max(tally.missing(sent, _LAST_WAIT), 0) if deliverers else 0
    return {
        "accepted/s": sum(load.rate for load in loads),
        "delivered meanwhile/s": during / (plan.seconds + 0.5),
        "processors busy %": busy,
        "answer p50 ms": max(load.p50_ms for load in loads),
        "answer p99 ms": max(load.p99_ms for load in loads),
        "failed": sum(load.failed for load in loads),
        "missing": missing,
    }


def _press(plan: Plan, key: str, port: int) -> Load:
    job = Job(port=port, key=key, tag=f"p{port}", seconds=plan.seconds, connections=_CONNECTIONS)
    with servers.folder(plan.base) as home:
        return press(job, home)
