"""Our deliver station, to a destination that takes a hundred events a request."""

from bench.senders import ours
from bench.senders.order import Order, Sent


def run(order: Order) -> Sent:
    return ours.run(order, packing=True)
