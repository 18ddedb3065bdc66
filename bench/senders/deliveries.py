"""The deliveries that the ways without a database build their requests from: the same webhook, signed alike."""

import base64
import time
from collections.abc import Iterator
from typing import Any

from bench.load.bodies import event
from destinations.webhook import Webhook
from ours.plugin import Delivery, Event, load_settings

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def deliveries(url: str, count: int) -> Iterator[Delivery]:
    settings = load_settings(Webhook(), {"url": url, "secret": SECRET})
    now = time.time_ns() // 1_000_000
    for number in range(count):
        body = event("bare", number)
        made = Event(f"{number:032x}", body["event"], body["distinctId"], now, now, user_id=body["userId"])
        yield Delivery(f"{number:032x}", made, _fields(made, body["eventProperties"]), settings, now=now)


def _fields(made: Event, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": made.id,
        "distinctId": made.distinct_id,
        "event": made.name,
        "occurredAt": made.occurred_at,
        "userId": made.user_id,
        "properties": properties,
    }
