"""The same events to a destination that takes one a request, and to one that takes a hundred."""

from collections.abc import Callable
from functools import partial

from bench import senders, servers
from bench.finding import Contender, Figures, Finding, Plan, Ratio, compare, interleave
from bench.senders import Order
from bench.tally import Tally

_COUNT = 5_000
_NAMES = {"ours": "an event a request", "batched": "100 events a request"}


def run(plan: Plan, say: Callable[[str], None]) -> Finding:
    rows = interleave([Contender(name, partial(measure, plan, way)) for way, name in _NAMES.items()], plan.rounds, say)
    single, packed = rows
    fewer = single.medians["requests"] / packed.medians["requests"]
    ratios = [
        compare("100 a request ÷ one a request", packed, single, 2),
        Ratio("requests of one a request ÷ of 100 a request", fewer, 50),
    ]
    return Finding("One worker delivers to a destination that takes many events at once", rows, ratios)


def measure(plan: Plan, way: str) -> Figures:
    with (
        servers.receiver(plan.base) as receiver,
        servers.folder(plan.base) as home,
        Tally(receiver.tally) as tally,
    ):
        count = plan.count(_COUNT)
        sent = senders.send(Order(way=way, url=receiver.url, home=str(home), count=count))
        requests = tally.count
    return {"deliveries/s": sent.rate, "sent": sent.count, "missing": count - sent.count, "requests": requests}
