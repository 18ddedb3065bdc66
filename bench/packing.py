"""A drop-in destination of the bench: a hundred events a request, as many vendors take them."""

from collections.abc import Sequence
from typing import Any

from ours.plugin import (
    EVENT_MAPPING,
    Batching,
    Delivery,
    Destination,
    Endpoint,
    Outcome,
    Request,
    Response,
    Schema,
    by_status,
    envelope,
    hookimpl,
    to_json,
)


class Packing(Destination):
    """Each request carries up to 100 events, as a JSON array."""

    slug = "packing"
    label = "Packing"
    summary = "Sends a hundred events a request."
    dedupes = True
    batching = Batching(max_items=100, linger=0.1)
    default_mapping = EVENT_MAPPING

    class Settings(Schema):
        url = Endpoint(required=True)

    def item(self, delivery: Delivery) -> Any:
        return envelope(delivery)

    def pack(self, items: Sequence[Any], settings: Any) -> Request:
        headers = {"Content-Type": "application/json"}
        return Request("POST", settings["url"], headers=headers, data=to_json(list(items)))

    def read_batch(self, response: Response, items: Sequence[Any]) -> list[Outcome]:
        return [by_status(response)] * len(items)


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [Packing]
