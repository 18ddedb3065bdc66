"""A store full of what is old enough: does anybody notice that it is deleted, and is it deleted fast enough?"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from bench import filling, servers
from bench.finding import Contender, Figures, Finding, Plan, Ratio, compare, interleave
from bench.load import Job, Steady, press, steadily
from bench.load.job import percentile
from bench.servers import Server
from bench.works.sustained import WINDOW
from ours.bootstrap import Ours
from ours.settings import load
from ours.store.queries import ledger

RATE = 100
_KEPT = {"EVENTS": 7, "TEST": 7, "ATTEMPTS": 1}
"""Days, as few as the settings allow; or so many that nothing is old enough."""
_FOR_EVER = 10_000
_STRETCH = 4
_WARM, _WARM_UNDER_LOAD = 3.0, 12.0
"""Seconds. Retention goes by what came in the last ten."""


@dataclass(frozen=True, slots=True)
class Place:
    """An installation that is full, the receiver's tally, and a key to send more with."""

    home: Path
    environ: Mapping[str, str]
    tally: Path
    key: str


Sending = Callable[[Plan, Place, Server], Figures]


def run(plan: Plan, say: Callable[[str], None]) -> Finding:
    with filled(plan, say) as place:
        contenders = [
            Contender("nothing is old enough", partial(measure, plan, place, steady, delete=False)),
            Contender("retention deletes", partial(measure, plan, place, steady, delete=True)),
            Contender("retention deletes, at full load", partial(measure, plan, place, flood, delete=True)),
        ]
        rows = interleave(contenders, plan.rounds, say)
    quiet, deleting, full = rows
    ratios = [
        compare("answer p99 while deleting ÷ normal", deleting, quiet, 2, most=True),
        Ratio(
            "deleted ÷ accepted, at full load", median(one["deleted/s"] / one["accepted/s"] for one in full.rounds), 1
        ),
    ]
    events = f"{plan.count(plan.events):,} events with all that hangs on them at first"
    return Finding("Retention deletes under load, on SQLite", rows, ratios, [f"{events}; {RATE} more a second."])


@contextmanager
def filled(plan: Plan, say: Callable[[str], None]) -> Iterator[Place]:
    """90 days of events to three webhooks; one of these gets what comes now."""
    with servers.folder(plan.base) as home, servers.receiver(plan.base) as receiver:
        environ = filling.environment(home)
        count, begun = plan.count(plan.events), time.monotonic()
        with closing(filling.installation(environ, [f"{receiver.url}/{number}" for number in range(3)])) as ours:
            filling.fill(ours, count, whole=True)
            for one in ours.destinations.list()[1:]:
                ours.destinations.update(one.id, actor="cli", events=[])
            key = ours.sources.add("load", actor="cli").live_key
        say(f"filled with {count:,} events in {time.monotonic() - begun:.0f} s")
        yield Place(home, environ, receiver.tally, key)


def measure(plan: Plan, place: Place, send: Sending, *, delete: bool) -> Figures:
    """``ours serve`` on what is left of the store, started anew."""
    days = {f"OURS_KEEP_{name}_DAYS": str(few if delete else _FOR_EVER) for name, few in _KEPT.items()}
    with servers.ours_serve_on(place.home, {**place.environ, **days}, place.key) as server:
        return send(plan, place, server)


def steady(plan: Plan, place: Place, server: Server) -> Figures:
    given = Steady(ports=[server.port], key=place.key, tag=str(server.port), rate=RATE)
    with steadily(given, place.home) as end:
        time.sleep(_WARM)
        begun, before = time.monotonic(), deleted(place)
        time.sleep(plan.seconds * _STRETCH)
        ended, after = time.monotonic(), deleted(place)
        course = end()
    took, seconds = course.answered(course.between(begun, ended)), ended - begun
    return {
        "answer p99 ms": percentile(took, 0.99),
        "answer p50 ms": percentile(took, 0.5),
        "accepted/s": len(took) / seconds,
        "deleted/s": (after - before) / seconds,
    }


def flood(plan: Plan, place: Place, server: Server) -> Figures:
    seconds = plan.seconds * _STRETCH
    given = partial(Job, port=server.port, key=place.key, window=WINDOW, tally=str(place.tally), warm=0.0)
    press(given(tag=f"warm {server.port}", seconds=_WARM_UNDER_LOAD), place.home)
    begun, before = time.monotonic(), deleted(place)
    told = press(given(tag=str(server.port), seconds=seconds), place.home)
    pace = (deleted(place) - before) / (time.monotonic() - begun)
    return {
        "answer p99 ms": told.p99_ms,
        "answer p50 ms": told.p50_ms,
        "accepted/s": told.rate,
        "deleted/s": pace,
    }


def deleted(place: Place) -> int:
    """How many events retention has deleted so far."""
    with closing(Ours(load(place.environ))) as ours, ours.store.read() as connection:
        return ledger.totals(connection).get("accepted", 0)
