"""The road of a purchase to a vendor's double, and how it ended there."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from ours.plugin.testing.doubles import Double
from ours.store.tables import dispatches
from tests.services.conftest import Place

DONE = ("delivered", None)
WHO = {"email": "jane@example.com", "user_agent": "Mozilla/5.0"}
SEEN_BY = {"ip": "192.0.2.7", "userAgent": "Mozilla/5.0"}
PAGE = {"current_url": "https://shop.example.com/cart?coupon=7"}


def add(place: Place, slug: str, double: Double, **settings: Any) -> None:
    given = {**double.settings, **settings}
    place.destinations.add(slug, "Vendor", given, events=["*", "$identify"], agreement="self-hosted", actor="cli")


def buy(place: Place, distinct_id: str, mode: str = "live", **changes: Any) -> None:
    given = {"user_id": "u1", "distinct_id": distinct_id, "user_properties": WHO, "identity_context": SEEN_BY,
             "default_properties": PAGE, "event_properties": {"value": 9.5, "currency": "EUR"}}  # fmt: skip
    place.track("Purchase", mode, **(given | changes))


def ended(place: Place) -> dict[str, tuple[str, str | None]]:
    """By distinctId, how each dispatch stands. The balance is right, whatever happened."""
    assert place.difference() == 0
    with place.store.read() as connection:
        rows = connection.execute(sa.text(
            "SELECT e.id, d.state, d.reason FROM dispatches d, events e WHERE e.id = d.event_id ORDER BY e.id"
        )).all()  # fmt: skip
    return {f"{number}": (state, reason) for number, (_, state, reason) in enumerate(rows)}


def unheard(place: Place) -> None:
    """As if no answer had come: all of it is sent again."""
    with place.store.write() as connection:
        connection.execute(sa.update(dispatches).values(state="retrying", due_at=1))
    place.work()


def again(place: Place) -> None:
    """What waits for its time is due."""
    with place.store.write() as connection:
        connection.execute(sa.update(dispatches).where(dispatches.c.state == "retrying").values(due_at=1))
    place.work()


def pause_and_mend(place: Place, vendor: Double, settings: Mapping[str, str], turns: int) -> None:
    """Refused so often, the destination pauses and nothing has arrived; with these settings it goes on."""
    for _ in range(turns):
        place.work()
        again(place)
    [destination] = place.destinations.list()
    assert (destination.status, vendor.kept) == ("paused", [])
    place.destinations.update(destination.id, settings=settings, actor="cli")
    place.destinations.resume(destination.id, actor="cli")
    place.work()
    again(place)
