"""Asks a destination as Ours does."""

from typing import Any

from requests import Response

from ours.plugin import Destination, Outcome


def alone(plugin: Destination, response: Response) -> Any:
    """What an answer means for an event that was sent alone."""
    if plugin.batching is None:
        return plugin.read(response)
    said = plugin.read_batch(response, [{}])
    return said if isinstance(said, Outcome) else said[0]


NO_ORDER_IDS = [{"a": 1}, ["1001"], True, 10.5, "  "]
"""What a vendor would refuse a whole request for, where it takes an order's id as a text."""
