"""Hands a destination what its tests are about, and asks it as Ours does."""

import hashlib
from collections.abc import Mapping
from typing import Any

from requests import Response

from ours.plugin import Delivery, Destination, Outcome, load_settings
from ours.plugin.testing import sample_delivery, sample_event

NO_ORDER_IDS = [{"a": 1}, ["1001"], True, 10.5]
"""What a vendor would refuse a whole request for, where it takes an order's id as a text."""


class ByDistinctId:
    """A part of a contract: the receiver drops repeats by the event's distinctId."""

    def dedupe_id(self, delivery: Delivery) -> str:
        return delivery.event.distinct_id


def delivery_to(
    kind: type[Destination],
    settings: Mapping[str, Any],
    sample: str = "purchase",
    fields: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Delivery:
    """A sample event with ``changes``, as the default mapping fills it, and ``fields`` laid over that."""
    event = sample_event(sample, **changes)
    mapped = sample_delivery(event=event, mapping=kind.default_mapping).fields
    return sample_delivery(event=event, settings=load_settings(kind, settings), fields={**mapped, **(fields or {})})


def alone(plugin: Destination, response: Response) -> Any:
    """What an answer means for an event that was sent alone."""
    if plugin.batching is None:
        return plugin.read(response)
    said = plugin.read_batch(response, [{}])
    return said if isinstance(said, Outcome) else said[0]


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
