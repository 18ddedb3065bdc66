"""Every process is ended and started anew, one after the other, under load: who waits longer, and is anything lost?"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from bench import load, servers
from bench.cluster import Cluster, cluster
from bench.finding import Figures, Finding, Plan, Ratio, Row, compare
from bench.load import Steady, steadily
from bench.load.job import percentile
from bench.tally import Tally
from bench.works.latency import moments
from ours import settings
from ours.bootstrap import Ours

RATE = 100
_WEBS = 2
_WORKERS = ("route", "route", "deliver", "deliver", "scheduler", "scheduler")
_QUIET = 5
_WARM = 2.0
_APART = 3.0
"""Between two restarts: longer than the balancer leaves a web process alone that refused (`fail_timeout`)."""
_LAST_WAIT = 60.0


@dataclass(slots=True)
class Stretch:
    """From when to when, and how long the slowest process took to end and to be ready (seconds)."""

    begun: float = field(default_factory=time.monotonic)
    ended: float = 0.0
    ending: float = 0.0
    readying: float = 0.0


@dataclass(frozen=True, slots=True)
class Course:
    """The figures of each stretch; how many events were acknowledged and are missing, and how many came twice; and the
    difference that the balance shows in the end."""

    quiet: Sequence[Figures]
    rolling: Sequence[Figures]
    missing: int
    twice: int
    difference: int


def run(plan: Plan, say: Callable[[str], None]) -> Finding:
    found = measure(plan, say)
    rows = [Row("nothing is restarted", found.quiet), Row("each is restarted in turn", found.rolling)]
    ratios = [
        compare("answer p99 while restarting ÷ normal", rows[1], rows[0], 3, most=True),
        Ratio("acknowledged and not delivered", found.missing, 0, most=True),
        Ratio("delivered twice", found.twice, 0, most=True),
        Ratio("difference of the balance", found.difference, 0, most=True),
    ]
    here = f"{_WEBS} web processes behind a balancer that is not told, two of each worker, one PostgreSQL, one queue"
    notes = [
        f"{RATE} events a second to one webhook; {here}.",
        "A request's time runs from the moment it was due until its 200, over all its tries.",
    ]
    return Finding("Every process restarted in turn, under load", rows, ratios, notes)


def measure(plan: Plan, say: Callable[[str], None], workers: Sequence[str] = _WORKERS) -> Course:
    """Quiet stretches and restless ones in turn, under one load; then what was lost of all of it."""
    with (
        servers.folder(plan.base) as home,
        servers.receiver(plan.base, "--moments") as receiver,
        cluster(plan.base, _WEBS, workers, [receiver.url]) as here,
        Tally(receiver.tally) as tally,
    ):
        with steadily(Steady(ports=here.ports, key=here.key, tag="roll", rate=RATE), home) as end:
            time.sleep(_WARM)
            stretches = list(_stretches(plan, here, say))
            sent = end()
        acknowledged = {f"roll-{number:09}" for number, took in enumerate(sent.took) if took >= 0}
        tally.missing(len(sent.due), _LAST_WAIT)
        arrived = Counter(name for name, _ in moments(receiver))
        difference = _difference(here)
    figures = [_figures(sent, one) for one in stretches]
    missing, twice = len(acknowledged - set(arrived)), arrived.total() - len(arrived)
    return Course(figures[::2], figures[1::2], missing, twice, difference)


def _stretches(plan: Plan, here: Cluster, say: Callable[[str], None]) -> Iterator[Stretch]:
    for _ in range(plan.rounds):
        quiet = Stretch()
        time.sleep(plan.seconds * _QUIET)
        quiet.ended = time.monotonic()
        yield quiet
        yield _roll(here, say)


def _roll(here: Cluster, say: Callable[[str], None]) -> Stretch:
    stretch = Stretch()
    for name, member in here.members.items():
        begun = time.monotonic()
        member.end()
        ended = time.monotonic()
        member.start()
        ready = time.monotonic()
        time.sleep(_APART)
        say(f"{name}: ended in {ended - begun:.1f} s, ready in {ready - ended:.1f} s")
        stretch.ending, stretch.readying = max(stretch.ending, ended - begun), max(stretch.readying, ready - ended)
    stretch.ended = time.monotonic()
    return stretch


def _figures(sent: load.Course, stretch: Stretch) -> Figures:
    numbers = sent.between(stretch.begun, stretch.ended)
    took = sent.answered(numbers)
    again = Counter(sent.again)
    return {
        "answer p99 ms": percentile(took, 0.99),
        "answer p50 ms": percentile(took, 0.5),
        "longest ms": max(took, default=0),
        "answered": len(took),
        "sent again": sum(again[number] for number in numbers),
        "never answered": len(numbers) - len(took),
        "seconds": stretch.ended - stretch.begun,
        "slowest end s": stretch.ending,
        "slowest ready s": stretch.readying,
    }


def _difference(here: Cluster) -> int:
    with closing(Ours(settings.load(here.environ))) as ours:
        return ours.overview.balance().difference
