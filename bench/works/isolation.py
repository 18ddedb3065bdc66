"""Ten destinations, one of which hangs for 30 seconds and one fails at once: do the other eight notice?"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from bench import children, servers
from bench.finding import Contender, Figures, Finding, Plan, Ratio, compare, interleave
from bench.load import Job, press
from bench.load.job import percentile
from bench.tally import Tally
from bench.works.latency import moments

RATE = 40
GOOD = 8
_WARM = 1.0
_LAST_WAIT = 15.0
_ROUNDS = 5


def run(plan: Plan, say: Callable[[str], None]) -> Finding:
    contenders = [
        Contender(f"{GOOD} destinations alone", partial(measure, plan, harm=False)),
        Contender("beside one that hangs and one that fails", partial(measure, plan, harm=True)),
    ]
    rows = interleave(contenders, 1 if plan.quick else _ROUNDS, say)
    alone, beside = rows
    ratios = [
        compare("p95 beside the two ÷ p95 alone", beside, alone, 2, most=True),
        Ratio("POST → receipt beside the two, p95 (ms)", beside.medians["receipt p95 ms"], 100, most=True),
    ]
    return Finding(f"{RATE} events a second to {GOOD} webhooks, with and without two that misbehave", rows, ratios)


def measure(plan: Plan, *, harm: bool) -> Figures:
    with (
        servers.folder(plan.base) as home,
        servers.receiver(plan.base, "--moments") as receiver,
        misbehaving(plan) as bad,
        servers.ours_serve(
            plan.base, [*(f"{receiver.url}/{number}" for number in range(GOOD)), *(bad if harm else ())]
        ) as server,
        Tally(receiver.tally) as tally,
    ):
        job = Job(port=server.port, key=server.key, tag="apart", seconds=plan.seconds, warm=_WARM, rate=RATE)
        load = press(job, home)
        missing = tally.missing(load.sent * GOOD, _LAST_WAIT)
        came = ((int(name.rsplit("-", 1)[1]), moment) for name, moment in moments(receiver))
        took = [moment - load.begun[number] for number, moment in came if number >= RATE * _WARM]
    return {
        "receipt p95 ms": percentile(took, 0.95) * 1000,
        "receipt p50 ms": percentile(took, 0.5) * 1000,
        "receipt p99 ms": percentile(took, 0.99) * 1000,
        "missing": missing,
    }


@contextmanager
def misbehaving(plan: Plan) -> Iterator[list[str]]:
    """The addresses of the one that hangs and the one that fails."""
    with (
        servers.folder(plan.base) as home,
        children.running(children.python("bench.misbehaving"), home / "log") as process,
    ):
        assert process.stdout
        ports = process.stdout.readline().split()
        if not ports:
            raise children.Failed(f"The misbehaving receivers did not start.\n{children.tail(home / 'log')}")
        yield [f"http://127.0.0.1:{port}/hook" for port in ports]
