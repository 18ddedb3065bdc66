"""A way of sending from start to end: a receiver, an empty folder, an order that is filled, and what came of it."""

from bench import servers
from bench.finding import Figures, Plan
from bench.senders.order import Order, send
from bench.tally import Tally


def measure(plan: Plan, way: str, usual: int, *more: str) -> Figures:
    """``usual``: how many deliveries, when it is not to be quick. ``more``: ``peak MiB`` or ``requests``, if wanted."""
    with servers.receiver(plan.base) as receiver, servers.folder(plan.base) as home, Tally(receiver.tally) as tally:
        count = plan.count(usual)
        sent = send(Order(way=way, url=receiver.url, home=str(home), count=count))
        figures = {"peak MiB": sent.peak_mib, "requests": tally.count}
    told = {"deliveries/s": sent.rate, "sent": sent.count, "missing": count - sent.count}
    return told | {name: figures[name] for name in more}
