"""Four ways to get prepared events to a receiver, each in a process of its own: `python -m bench.senders ORDER`."""

from bench.senders.order import Order, Sent, send

__all__ = ["Order", "Sent", "send"]
