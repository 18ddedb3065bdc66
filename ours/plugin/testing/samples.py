"""Deliveries to try a destination with. The people in them do not exist; the moments never change."""

import hashlib
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Any

from ours.plugin.envelope import EVENT_MAPPING, iso, to_json
from ours.plugin.mapped import Mapped
from ours.plugin.types import IDENTIFY, Delivery, Event, Visitor

NOW = 1_795_000_000_000
UNSENT_IDS = ("user_id", "external_id", "email_sha256")
UNSENT_BAGS = ("event_properties", "user_properties", "default_properties", "identity_context")
_VARIABLE = re.compile(r"\{\{\s*([^{}]*[^{}\s])\s*\}\}")

SAMPLES: Mapping[str, Event] = MappingProxyType({
    "purchase": Event(
        id="019a0000000070008000000000000001",
        name="Order Completed",
        distinct_id="order-1001",
        occurred_at=NOW - 5_000,
        received_at=NOW - 4_000,
        user_id="019a0000000070008000000000000101",
        external_id="customer-7",
        email_sha256="8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d",
        event_properties={
            "order_id": "1001",
            "value": 129.9,
            "currency": "EUR",
            "items": [{"sku": "A-1", "quantity": 2, "price": 64.95}],
        },
        user_properties={"email": "jane@example.com", "city": "Lyon", "custom_properties": {"plan": "gold"}},
        default_properties={"current_url": "https://shop.example.com/?utm_source=news", "user_agent": "Mozilla/5.0"},
        identity_context={"ip": "192.0.2.7", "userAgent": "Mozilla/5.0"},
    ),
    "lead": Event(
        id="019a0000000070008000000000000002",
        name="Lead Created",
        distinct_id="lead-2002",
        occurred_at=NOW - 3_600_000,
        received_at=NOW - 3_599_000,
        user_id="019a0000000070008000000000000102",
        event_properties={"form": "newsletter", "consented": True, "score": None},
        user_properties={"first_name": "Zoë", "phone_number": "+33 1 99 00 12 34"},
    ),
    "identify": Event(
        id="019a0000000070008000000000000003",
        name=IDENTIFY,
        distinct_id="019a0000000070008000000000000003",
        occurred_at=NOW - 1_000,
        received_at=NOW - 1_000,
        user_id="019a0000000070008000000000000103",
        external_id="customer-9",
        user_properties={"company_name": "Example GmbH", "consent": {"marketing": False}},
    ),
    "minimal": Event(
        id="019a0000000070008000000000000004",
        name="Pinged",
        distinct_id="ping-1",
        occurred_at=NOW,
        received_at=NOW,
    ),
})  # fmt: skip
"""An event rich in properties, one of a visitor without an external id, an identify, and the least there can be."""

PERSONAL = ("jane@example.com", "Lyon", "192.0.2.7", "Zoë", "+33 1 99 00 12 34")
"""What of them names or places a person."""


def sample_event(sample: str = "purchase", **changes: Any) -> Event:
    """A copy of one of ``SAMPLES``, with ``changes`` to its attributes."""
    return replace(deepcopy(SAMPLES[sample]), **changes)


def sample_delivery(
    sample: str = "purchase", *, mapping: Mapping[str, str | Mapped] = EVENT_MAPPING, **changes: Any
) -> Delivery:
    """A delivery of a sample event, its ``fields`` filled by ``mapping``: ``sample_delivery("lead", attempt=2)``.

    ``changes`` set other attributes. The visitor is the one that this event alone makes. What only a mapping may
    release is empty in the delivery's event, as it is in every delivery.
    """
    event = changes.pop("event", None) or sample_event(sample)
    released = replace(event, **dict.fromkeys(UNSENT_IDS), **{name: {} for name in UNSENT_BAGS})
    delivery = Delivery(
        id="019a0000000070008000000000000999", event=released, fields=_mapped(mapping, event), settings={}, now=NOW
    )
    return replace(delivery, **changes)


def sample_visitor(event: Event) -> Visitor:
    """The visitor that Ours would make of ``event``, had it never heard of anybody before."""
    properties = dict(event.user_properties)
    named = event.external_id or properties.pop("external_id", None)
    return Visitor(event.user_id or event.id, named, event.email_sha256, properties)


def _mapped(mapping: Mapping[str, str | Mapped], event: Event) -> dict[str, Any]:
    known = {"event": _variables(event), "visitor": _facts(sample_visitor(event))}
    filled = {name: _modified(row, known) for name, row in mapping.items()}
    return {name: value for name, value in filled.items() if value is not None}


def _facts(visitor: Visitor) -> dict[str, Any]:
    """What a template may name of a visitor."""
    named = {"id": visitor.id, "external_id": visitor.external_id, "email_sha256": visitor.email_sha256}
    return {**visitor.properties, **named}


def _variables(event: Event) -> dict[str, Any]:
    """What a template may name of an event; a test compares it with the real mapping."""
    context = event.identity_context
    return {one.name: getattr(event, one.name) for one in fields(event)} | {
        "event": event.name,
        "user_id": event.user_id or event.id,
        "email": event.email_sha256,
        "time": iso(event.occurred_at),
        "time_ms": event.occurred_at,
        "received_at": iso(event.received_at),
        "request_context": {"ip": context.get("ip"), "user_agent": context.get("userAgent")},
    }


def _modified(row: str | Mapped, known: Mapping[str, Any]) -> Any:
    """The value of a row. Hashes are made, so that lengths are right; other modifications are left to the real road."""
    if isinstance(row, str):
        return _filled(row, known)
    value = _filled(row.template, known)
    hashed = value is not None and row.modification.startswith("Hash")
    return hashlib.sha256(_as_text(value).encode()).hexdigest() if hashed else value


def _filled(template: str, known: Mapping[str, Any]) -> Any:
    if whole := _VARIABLE.fullmatch(template):
        return deepcopy(_at(whole[1], known))
    return _VARIABLE.sub(lambda place: _as_text(_at(place[1], known)), template) or None


def _at(paths: str, known: Any) -> Any:
    """What lies at the first of ``a.path || another.path`` that leads somewhere."""
    found = (_under(path.strip(), known) for path in paths.split("||"))
    return next((one for one in found if one is not None), None)


def _under(path: str, known: Any) -> Any:
    for name in path.split("."):
        known = known.get(name) if isinstance(known, Mapping) else None
    return known


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else to_json(value).decode() if value is not None else ""
