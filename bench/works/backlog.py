"""A backlog of 50,000 dispatches and one worker: is it as fast as with a little to do, and does it stay small?"""

from collections.abc import Callable
from functools import partial

from bench import senders, servers
from bench.finding import Contender, Figures, Finding, Plan, Ratio, compare, interleave
from bench.senders import Order

_LARGE, _USUAL = 50_000, 5_000


def run(plan: Plan, say: Callable[[str], None]) -> Finding:
    contenders = [Contender(f"{count:,} dispatches", partial(measure, plan, count)) for count in (_LARGE, _USUAL)]
    rows = interleave(contenders, 1, say)
    large, usual = rows
    ratios = [
        compare("a large backlog ÷ a small one", large, usual, 0.5),
        Ratio("memory of the worker at its highest (MiB)", large.medians["peak MiB"], 250, most=True),
    ]
    return Finding("One worker drains a backlog to a fast receiver", rows, ratios)


def measure(plan: Plan, usual: int) -> Figures:
    with servers.receiver(plan.base) as receiver, servers.folder(plan.base) as home:
        count = plan.count(usual)
        sent = senders.send(Order(way="ours", url=receiver.url, home=str(home), count=count))
    return {"deliveries/s": sent.rate, "sent": sent.count, "missing": count - sent.count, "peak MiB": sent.peak_mib}
