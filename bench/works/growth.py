"""What an event costs as an installation grows: with more destinations, and with more events that lie there already.

One process accepts, routes and delivers, one after the other, so that each has the processor for itself.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import NamedTuple

from bench import filling, servers
from bench.children import Failed
from bench.finding import Contender, Figures, Finding, Plan, Ratio, Row, interleave
from bench.load.bodies import event
from bench.load.job import percentile
from bench.servers import Receiving
from bench.tally import Tally
from ours import clock, log
from ours.bootstrap import Ours
from ours.core.incoming import Incoming
from ours.services.accept import Caller
from ours.store.chunks import batched
from ours.web.ingest.schemas import BATCH_ROW

_PART = 100
_DELIVERIES = 2_000
_FEWEST = 50
_ALONE = 20
_FEWEST_STORED = 10_000
_LAST_WAIT = 5.0
_CALLER = Caller(source_id=1, key_id=1, mode="live")
_tags = (f"growth-{number}" for number in count())


class _Took(NamedTuple):
    """``processor``: the seconds that this process had of it."""

    seconds: float
    processor: float


def run(plan: Plan, say: Callable[[str], None]) -> Finding:
    log.configure("ERROR")  # there is no queue to be poked here, which is told otherwise
    with servers.receiver(plan.base) as receiver, ExitStack() as stack:
        one, ten, hundred, of_hundred = interleave(_by_destinations(plan, receiver), plan.rounds, say)
        stored = interleave([*_by_stored(plan, receiver, stack, say)], plan.rounds, say)
    few, many = stored[0], stored[-1]
    ratios = [
        _cost("100 destinations of which one takes it ÷ 1 destination, routing", "route µs", of_hundred, one, 1.3),
        _cost("100 destinations ÷ 1 destination, a delivery", "delivery µs", hundred, one, 1.2),
        _cost(f"{many.name} ÷ {few.name}, accepting", "accept µs", many, few, 1.5),
        _cost(f"{many.name} ÷ {few.name}, routing", "route µs", many, few, 1.5),
        _cost(f"{many.name} ÷ {few.name}, a delivery", "delivery µs", many, few, 1.2),
    ]
    notes = [
        f"Accepted {_PART} at a time. Alone: one event, from its acceptance until its deliveries are recorded.",
        "The µs are the processor's time, of one core, and so are the ratios.",
    ]
    return Finding("Cost as an installation grows", [one, ten, hundred, of_hundred, *stored], ratios, notes)


def _by_destinations(plan: Plan, receiver: Receiving) -> Sequence[Contender]:
    def contender(name: str, there: int, taking: int) -> Contender:
        def measured() -> Figures:
            with installation(plan.base, [receiver.url] * there, taking) as ours:
                return measure(plan, ours, receiver, taking)

        return Contender(name, measured)

    return [
        contender("1 destination", 1, 1),
        contender("10 destinations", 10, 10),
        contender("100 destinations", 100, 100),
        contender("100 destinations, one takes it", 100, 1),
    ]


def _by_stored(plan: Plan, receiver: Receiving, stack: ExitStack, say: Callable[[str], None]) -> Iterator[Contender]:
    """Each is filled once, however often it is measured. What was stored before went to other destinations as well."""
    for number in steps(plan.count(plan.events)):
        hooks = [receiver.url, *filling.NOWHERE[1:]]
        ours = stack.enter_context(installation(plan.base, hooks, taking=1))
        begun = time.monotonic()
        filling.fill(ours, number)
        say(f"filled with {number:,} events in {time.monotonic() - begun:.0f} s")
        yield Contender(f"{number:,} events stored", partial(measure, plan, ours, receiver, 1))


def steps(most: int) -> list[int]:
    """10,000, then ten times as many, up to ``most``."""
    found = [min(_FEWEST_STORED, most)]
    while found[-1] * 10 <= most:
        found.append(found[-1] * 10)
    return found


@contextmanager
def installation(base: Path, hooks: Sequence[str], taking: int) -> Iterator[Ours]:
    with servers.folder(base) as home:
        environ = filling.environment(home)
        ours = filling.installation(environ, hooks, taking=taking)
        try:
            yield ours
        finally:
            ours.close()


def measure(plan: Plan, ours: Ours, receiver: Receiving, fan_out: int) -> Figures:
    """:raises Failed: when not every event arrived ``fan_out`` times."""
    with Tally(receiver.tally) as tally:
        before, events = tally.count, max(plan.count(_DELIVERIES) // fan_out, _FEWEST)
        parts = list(batched(_events(events), _PART))
        accepting = _timed(lambda: [ours.accept.accept(_CALLER, part) for part in parts])
        routing = _timed(partial(_route, ours))
        delivering = _timed(partial(ours.deliver.drain, threading.Event()))
        alone = [_timed(partial(_all, ours, one)).seconds for one in _events(plan.count(_ALONE))]
        if missing := tally.missing(before + (events + len(alone)) * fan_out, _LAST_WAIT):
            raise Failed(f"{missing} events did not arrive.")
    return {
        "events/s": events / (accepting.seconds + routing.seconds + delivering.seconds),
        "accepted/s": events / accepting.seconds,
        "routed/s": events / routing.seconds,
        "deliveries/s": events * fan_out / delivering.seconds,
        "alone p50 ms": percentile(alone, 0.5) * 1_000,
        "alone p95 ms": percentile(alone, 0.95) * 1_000,
        "accept µs": accepting.processor / events * 1e6,
        "route µs": routing.processor / events * 1e6,
        "delivery µs": delivering.processor / (events * fan_out) * 1e6,
    }


def _events(number: int) -> list[Incoming]:
    tag = next(_tags)
    return [BATCH_ROW.incoming(event(tag, one), clock.now_ms()) for one in range(number)]


def _all(ours: Ours, one: Incoming) -> None:
    ours.accept.accept(_CALLER, [one])
    _route(ours)
    ours.deliver.drain(threading.Event())


def _route(ours: Ours) -> None:
    while ours.route.run():
        pass


def _timed(work: Callable[[], object]) -> _Took:
    begun, worked = time.perf_counter(), time.process_time()
    work()
    return _Took(time.perf_counter() - begun, time.process_time() - worked)


def _cost(text: str, figure: str, one: Row, other: Row, target: float) -> Ratio:
    return Ratio(text, one.medians[figure] / other.medians[figure], target, most=True)
