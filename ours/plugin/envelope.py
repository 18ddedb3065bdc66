"""The plain shape of an event for systems of your own: what the webhook and the file send, and any plugin may."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from ours.plugin.types import Delivery

_strict = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_PLAIN = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
EVENT_MAPPING: Mapping[str, str] = {
    "id": "{{event.id}}",
    "distinctId": "{{event.distinct_id}}",
    "event": "{{event.event}}",
    "occurredAt": "{{event.time}}",
    "userId": "{{event.user_id}}",
    "externalId": "{{event.external_id}}",
    "properties": "{{event.event_properties}}",
}
"""The default mapping that fills the envelope's ``data``: the event, and of the visitor only the ids."""


def envelope(delivery: Delivery) -> dict[str, Any]:
    """``{"type", "timestamp", "data"}``: the event's name, when it happened, and what the mapping lets out."""
    return {
        "type": delivery.event.name,
        "timestamp": iso(delivery.event.occurred_at),
        "data": dict(delivery.fields),
    }


def to_json(value: Any) -> bytes:
    """Compact JSON in UTF-8; the same value always gives the same bytes.

    :raises ValueError: for NaN and Infinity, which JSON has no word for.
    """
    try:
        written = orjson.dumps(value, option=_PLAIN)
    except orjson.JSONEncodeError:  # a number of more than 64 bits, a key that is a number; or no JSON at all
        return _strict(value).encode()
    return _strict(value).encode() if b"null" in written else written  # it writes NaN so, too


def iso(moment: int) -> str:
    """``1754874909594`` → ``"2025-08-11T01:15:09.594Z"``."""
    seconds, milliseconds = divmod(moment, 1000)
    return f"{_second(seconds)}.{milliseconds:03}Z"


@lru_cache(1024)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat().removesuffix("+00:00")
