"""Fills an installation as a day of real traffic would, through the real services: for pictures, and for looking."""

import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import time_machine

from ours import clock
from ours.bootstrap import Ours
from ours.core.incoming import Incoming
from ours.services.accept import Caller
from ours.services.actors import Actor
from ours.services.replay import Filter
from ours.services.rules import Rule
from tests.receiver import Receiver

_EVENTS = ("Page Viewed", "Product Viewed", "Product Added", "Checkout Started", "Purchase", "Form Submitted",
           "Newsletter Joined", "Appointment Booked")  # fmt: skip
_PRODUCTS = (("Premium Plan", 99.99), ("Starter Plan", 9.5), ("Onboarding", 480.0), ("Add-on: seats", 25.0))
_NAMES = (("Ada", "Lovelace"), ("Grace", "Hopper"), ("Emmy", "Noether"), ("Mary", "Somerville"), ("Rosa", "Ng"))
_HOURS = 24
_AGENT = "Mozilla/5.0 (X11; Linux x86_64)"
PASSWORD = "correct horse battery"
ADA = Actor("ada@example.com", "admin")


@dataclass
class Seeded:
    """Who may sign in, and some ids to look at."""

    email: str
    event_id: str
    test_event_id: str
    source_id: int
    destination_id: int
    visitor_id: str


def seed(ours: Ours, receiver: Receiver) -> Seeded:
    """A day of events from two of three sources to four destinations: well, failing, paused, and told nothing."""
    chance = random.Random(7)
    person, given = ours.people.add("ada@example.com", "admin", actor="cli")
    ours.people.change_password(person.id, given, PASSWORD)
    ours.people.add("grace@example.com", "editor", actor=ADA)
    ours.people.add("review@example.com", "viewer", actor=ADA)
    shop, booking, _ = (ours.sources.add(name, actor=ADA) for name in ("Shop backend", "Booking service", "CRM sync"))
    hook = _destinations(ours, receiver)
    callers = [_caller(ours, shop.live_key), _caller(ours, booking.live_key), _caller(ours, shop.test_key)]
    now = clock.now_ms()
    for moment in _moments(now, chance):
        with time_machine.travel(moment / 1000, tick=True):
            caller = chance.choices(callers, [6, 3, 1])[0]
            ours.accept.accept(caller, [_event(chance)])
    _work(ours)
    receiver.answer(
        503, path="/warehouse", body=b'{"error": "the warehouse is being moved"}', headers={"Retry-After": "120"}
    )
    last = ours.accept.accept(callers[0], [_purchase("order-4711")])[0]
    test = ours.accept.accept(callers[2], [_purchase("order-4712")])[0]
    _work(ours)
    ours.paced_replays.start(Filter(states=frozenset({"rejected"})), actor=ADA, limit=30)
    ours.conservation.tick()
    ours.alerts.run()
    ours.tokens.add("Deployment", ["sources:read", "balance:read"], actor=ADA)
    visitor = ours.overview.event(last.event_id).visitor
    whose = visitor.id if visitor else ""
    return Seeded("ada@example.com", last.event_id, test.event_id, shop.source.id, hook, whose)


def _destinations(ours: Ours, receiver: Receiver) -> int:
    receiver.answer(422, path="/crm", body=b'{"errors": [{"field": "email", "message": "is required"}]}')
    made = {}
    for name, path, events in (
        ("Warehouse webhook", "/warehouse", ["*"]),
        ("CRM leads", "/crm", ["Form Submitted", "Appointment Booked", "Purchase"]),
        ("Ads conversions", "/ads", ["Purchase"]),
        ("New partner", "/partner", []),
    ):
        settings = {"url": receiver.url + path}
        mapping = {"plan": "{{visitor.custom_properties.plan}}"} if name == "Warehouse webhook" else {}
        one = ours.destinations.add("webhook", name, settings, events=events, mapping=mapping, actor=ADA)
        made[name] = one.id
    _rules(ours, made)
    ours.destinations.pause(made["Ads conversions"], actor=ADA)
    return made["Warehouse webhook"]


def _rules(ours: Ours, made: dict[str, int]) -> None:
    """What protects people here: a renamed booking, a shortened page, hashed emails, and consent."""
    booked = {"condition": {"property": "event.event", "operator": "Is", "value": "Appointment Booked"}}
    case = {"name": "Bookings", "logic": booked, "mapping": {"$event": "Lead", "properties": ""}}
    page = {"map": "{{event.default_properties.url}}", "modification": "DomainOnly"}
    mapping = {"plan": "{{visitor.custom_properties.plan}}", "page": page,
               "mail": {"map": "{{visitor.email}}", "modification": "HashedNormalized"}}  # fmt: skip
    ours.destinations.update(
        made["Warehouse webhook"],
        mapping=mapping,
        cases=[case],
        why="Bookings are health data",
        actor=ADA,
    )
    ours.destinations.update(made["Ads conversions"], category="advertising", agreement="available", actor=ADA)
    rejected = {"condition": {"property": "visitor.consent.rejected_categories", "operator": "Contains",
                              "value": "advertising"}}  # fmt: skip
    rule = Rule(name="Advertising consent", covers=["advertising"], logic=rejected, note="Who said no is left alone.")
    ours.governance.add(rule, actor=ADA)


def _caller(ours: Ours, key: str) -> Caller:
    caller = ours.accept.authenticate(key)
    assert caller
    return caller


def _moments(now: int, chance: random.Random) -> Iterator[int]:
    """More by day than by night, in their order."""
    for hour in range(_HOURS, 0, -1):
        for minute in sorted(chance.sample(range(60), 2 + (hour % 24 in range(6, 18)) * chance.randint(3, 9))):
            yield now - hour * clock.HOUR + minute * clock.MINUTE


def _event(chance: random.Random) -> Incoming:
    first, last = chance.choice(_NAMES)
    product, price = chance.choice(_PRODUCTS)
    return Incoming(
        name=chance.choice(_EVENTS),
        occurred_at=clock.now_ms() - chance.randint(0, 3000),
        external_id=f"customer-{chance.randint(1, 40)}",
        event_properties={"product": product, "amount": price, "currency": "EUR"},
        user_properties={"first_name": first, "last_name": last, "email": f"{first.lower()}@example.com"},
    )


def _purchase(order: str) -> Incoming:
    items: list[dict[str, Any]] = [{"sku": "P-100", "name": "Premium Plan", "quantity": 1, "price": 99.99}]
    return Incoming(
        name="Purchase",
        occurred_at=clock.now_ms(),
        distinct_id=order,
        external_id="customer-7",
        email_sha256="b5fc85e55755f9e0d030a10ab4429b6b2944855f9a0d60077fe832becbc41d72",
        event_properties={"order": order, "amount": 99.99, "currency": "EUR", "items": items, "gift": False},
        user_properties={"first_name": "Ada", "email": "ada@example.com", "custom_properties": {"plan": "premium"}},
        default_properties={
            "url": "https://shop.example.com/checkout",
            "user_agent": _AGENT,
        },
        identity_context={"ip": "203.0.113.7", "userAgent": _AGENT},
    )


def _work(ours: Ours) -> None:
    while ours.route.run():
        pass
    ours.deliver.drain(threading.Event(), 30)
