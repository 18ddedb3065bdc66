"""What ``ours demo`` sends: a shop's day, invented. The same seed and moment give the same calls."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from ours.clock import DAY

_NAMES = (
    "Ada Byron",
    "Chen Wei",
    "Fatima Zahra",
    "Grace Murray",
    "Jonas Berg",
    "Lucía Ortega",
    "Noor Khan",
    "Tom Ellis",
)
_CITIES = (("Berlin", "DE"), ("Lisbon", "PT"), ("Osaka", "JP"), ("Portland", "US"), ("York", "GB"))
_PLANS = ("free", "plus", "premium")
_PRODUCTS = (("Premium Plan", 99.99), ("Plus Plan", 19.0), ("Onboarding Call", 149.5), ("Sticker Pack", 4.2))
_PAGES = ("/", "/pricing", "/docs/quickstart", "/blog/launch", "/contact")
_CAMPAIGNS = ("spring-sale", "newsletter-12", "brand")
_KINDS = {"Page Viewed": 50, "Product Added": 14, "Purchase": 14, "Lead": 10, "identify": 9, "repeat": 3}
_BACKFILLED = 0.3
_CLICKED = 0.4


@dataclass(frozen=True, slots=True)
class Call:
    """One request: to ``/api/v1/track`` or ``/api/v1/identify``, with this body."""

    endpoint: Literal["track", "identify"]
    body: Mapping[str, Any]


def calls(count: int, now: int, seed: int = 1) -> Iterator[Call]:
    """``count`` calls. Some events occurred in the last six days, and a few are sent twice, as retries do."""
    dice = Random(seed)  # noqa: S311 - a made-up shop, no secret
    repeatable: Call | None = None
    for number in range(count):
        kind = dice.choices(list(_KINDS), list(_KINDS.values()))[0]
        visitor = dice.randrange(max(count // 8, 3))
        if kind == "identify":
            yield Call("identify", {**_ids(visitor), "userProperties": _person(visitor)})
        elif kind == "repeat" and repeatable:
            yield repeatable
        else:
            name = "Page Viewed" if kind == "repeat" else kind
            repeatable = Call("track", _event(dice, name, visitor, now, number))
            yield repeatable


def _event(dice: Random, name: str, visitor: int, now: int, number: int) -> dict[str, Any]:
    backfilled = {"time": now - dice.randrange(6 * DAY)} if dice.random() < _BACKFILLED else {}
    return {
        "event": name,
        **_ids(visitor),
        "distinctId": f"demo-{now}-{number}",
        **backfilled,
        "eventProperties": _properties(dice, name),
        "defaultProperties": {
            "current_url": f"https://shop.example.com{dice.choice(_PAGES)}",
            "utm_campaign": dice.choice(_CAMPAIGNS),
            "device_type": dice.choice(("desktop", "mobile")),
            **({"gclid": f"demo-click-{number}", "fbclid": f"demo-{number}"} if dice.random() < _CLICKED else {}),
        },
        "identityContext": {"ip": f"203.0.113.{visitor % 250 + 1}", "userAgent": "Mozilla/5.0 (demo)"},
    }


def _properties(dice: Random, name: str) -> dict[str, Any]:
    product, price = dice.choice(_PRODUCTS)
    quantity = dice.randint(1, 3)
    match name:
        case "Purchase":
            return {"product": product, "quantity": quantity, "value": round(price * quantity, 2), "currency": "EUR"}
        case "Product Added":
            return {"product": product, "quantity": quantity, "price": price}
        case "Lead":
            return {"form": dice.choice(("contact", "newsletter", "demo request"))}
        case _:
            return {"path": dice.choice(_PAGES), "seconds": dice.randint(2, 240)}


def _ids(visitor: int) -> dict[str, str]:
    return {"externalId": f"customer-{visitor + 1}", "email": _email(visitor)}


def _email(visitor: int) -> str:
    return f"customer-{visitor + 1}@example.com"


def _person(visitor: int) -> dict[str, Any]:
    first, last = _NAMES[visitor % len(_NAMES)].split()
    city, country = _CITIES[visitor % len(_CITIES)]
    known = {"email": _email(visitor), "first_name": first, "last_name": last, "city": city, "country": country}
    return known | {"custom_properties": {"plan": _PLANS[visitor % len(_PLANS)]}}
