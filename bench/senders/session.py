"""A loop over one `requests.Session`: the way most integrations are written."""

import time

import requests

from bench.senders.deliveries import deliveries
from bench.senders.order import Order, Sent
from destinations.webhook import Webhook


def run(order: Order) -> Sent:
    plugin, prepared = Webhook(), list(deliveries(order.url, order.count))
    with requests.Session() as session:
        session.trust_env = False
        begun = time.monotonic()
        for delivery in prepared:
            made = plugin.build(delivery)
            session.post(made.url, data=made.data, headers=made.headers, timeout=20).raise_for_status()
        return Sent(count=order.count, seconds=time.monotonic() - begun)
