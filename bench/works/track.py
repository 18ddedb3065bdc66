"""One event a request: what does a durable answer cost beside an answer that keeps nothing?"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from bench import servers
from bench.finding import Contender, Figures, Finding, Plan, compare, interleave
from bench.load import Job, press
from bench.servers import Server

NOBODY = "http://127.0.0.1:9/nobody"  # the naive twin owes it every event; its worker does not run here
Start = Callable[[Path], AbstractContextManager[Server]]


def measure(plan: Plan, start: Start, rows: int = 0, connections: int = 32) -> Figures:
    with servers.folder(plan.base) as home, start(plan.base) as server:
        warm = 0.0 if rows else min(plan.seconds / 4, 1.0)
        job = Job(port=server.port, key=server.key, tag="bench", seconds=plan.seconds, warm=warm, rows=rows,
                  connections=connections)  # fmt: skip
        load = press(job, home)
    return {
        "events/s": load.rate * (rows or 1),
        "p50 ms": load.p50_ms,
        "p99 ms": load.p99_ms,
        "failed": load.failed,
    }


def naive(base: Path) -> AbstractContextManager[Server]:
    return servers.naive(base, [NOBODY])


def run(plan: Plan, say: Callable[[str], None]) -> Finding:
    starts: dict[str, Start] = {
        "ours, web server": servers.ours_web,
        "ours, whole server": servers.ours_serve,
        "ours, on PostgreSQL": servers.ours_on_postgres,
        "naive twin": naive,
        "bare Flask echo": servers.echo,
    }
    contenders = [Contender(name, partial(measure, plan, start)) for name, start in starts.items()]
    rows = interleave(contenders, plan.rounds, say)
    ours, _, on_postgres, naive_row, echo = rows
    ratios = [
        compare("ours ÷ naive twin", ours, naive_row, 15),
        compare("ours ÷ bare Flask echo", ours, echo, 0.55),
        compare("ours, on PostgreSQL ÷ bare Flask echo", on_postgres, echo, 0.45),
    ]
    return Finding("Single `POST /api/v1/track`, 32 connections", rows, ratios)
