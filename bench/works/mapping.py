"""One event made into what a destination is handed, again and again: pure work, no database and no network."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from bench.finding import Contender, Figures, Finding, Plan, Ratio, interleave
from ours.core import logic
from ours.core.governance import Rule, fired
from ours.core.mapping import Case, Context, Mapper, compile_mapping, context_of
from ours.plugin import Event, Visitor

_COUNT = 20_000
_MICROSECONDS = 1e6


def run(plan: Plan, say: Callable[[str], None]) -> Finding:
    contenders = [
        Contender("20 fields", partial(measure, plan, 0)),
        Contender("20 fields, and 5 conditional mappings that do not fire", partial(measure, plan, 5)),
        Contender("10 governance rules that do not fire, as asked at routing", partial(measure_rules, plan)),
    ]
    rows = interleave(contenders, plan.rounds, say)
    plain, conditional, asked = (row.medians["µs an event"] for row in rows)
    ratios = [
        Ratio("20 fields (µs an event)", plain, 100, most=True),
        Ratio("20 fields and 5 conditional mappings (µs an event)", conditional, 100, most=True),
        Ratio("10 governance rules (µs an event)", asked, 50, most=True),
    ]
    notes = [
        "The processor's time, of one core; 7 of the 20 fields are modified: two hashes, URL, IP and case.",
        "Each conditional mapping and each rule asks 3 of its 6 conditions before it knows.",
    ]
    return Finding("One event mapped to one destination", rows, ratios, notes)


def measure(plan: Plan, cases: int) -> Figures:
    made, here = mapper(cases), context()
    return _timed(plan.count(_COUNT), lambda: made.apply(here))


def measure_rules(plan: Plan) -> Figures:
    rules, here = [Rule(f"never {number}", frozenset("*"), never()) for number in range(10)], context()
    return _timed(plan.count(_COUNT), lambda: fired(rules, here))


def _timed(count: int, work: Callable[[], object]) -> Figures:
    began = time.process_time()
    for _ in range(count):
        work()
    spent = time.process_time() - began
    return {"µs an event": spent / count * _MICROSECONDS, "events": count}


def mapper(cases: int) -> Mapper:
    default = compile_mapping(rows())
    return Mapper(default, tuple(Case(f"never {number}", never(), default) for number in range(cases)))


def never() -> logic.Logic:
    conditions = [
        {"condition": {"property": f"event.event_properties.field_{number}", "operator": "Is", "value": "never"}}
        for number in range(3)
    ]
    return logic.read({"AND": [{"OR": conditions}, *conditions]})


def rows() -> dict[str, Any]:
    """20 fields as a conversion has them."""
    modified = {
        "email": ("{{visitor.email}}", "HashedNormalized"),
        "phone": ("{{visitor.phone_number}}", "HashedPhone"),
        "page": ("{{event.default_properties.current_url}}", "DomainOnly"),
        "ip": ("{{event.request_context.ip}}", "DmaIP"),
        "name": ("{{event.event}}", "SnakeCase"),
        "city": ("{{visitor.city}}", "LowerCase"),
        "zip": ("{{visitor.zip}}", "Redacted"),
    }
    plain = {"id": "{{event.id}}", "time": "{{event.time}}", "agent": "{{event.request_context.user_agent}}"}
    plain |= {f"field_{number}": f"{{{{event.event_properties.field_{number}}}}}" for number in range(9)}
    plain |= {"label": "{{event.event}} of {{event.event_properties.field_1}}"}
    return plain | {field: {"map": path, "modification": name} for field, (path, name) in modified.items()}


def context() -> Context:
    event = Event(
        id="019a0000000070008000000000000001",
        name="Order Completed",
        distinct_id="order-1001",
        occurred_at=1_795_000_000_000,
        received_at=1_795_000_000_000,
        event_properties={f"field_{number}": f"value {number}" for number in range(9)},
        default_properties={"current_url": "https://shop.example.com/checkout?utm_source=news&session=1"},
        identity_context={"ip": "203.0.113.7", "userAgent": "Mozilla/5.0"},
    )
    person = {"email": "jane@example.com", "phone_number": "+33 1 99 00 12 34", "city": "Lyon", "zip": "69001"}
    return context_of(event, Visitor("v1", properties=person))
