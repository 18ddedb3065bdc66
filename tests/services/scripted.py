"""A destination that does as it is told, and a worker that dies with its hands full."""

import threading
from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar

from ours.plugin import Delivered, Delivery, Destination, Network, Outcome, Request
from ours.services.deliver import Deliver
from ours.services.sweep import Sweep
from tests.services.conftest import Place


class Scripted(Destination):
    """Concludes what ``outcomes`` says next, and is fine when it says nothing."""

    slug = "scripted"
    label = "Scripted"
    outcomes: ClassVar[deque[Outcome]] = deque()
    sent: ClassVar[list[str]] = []

    def build(self, delivery: Delivery) -> Request:
        return Request("POST", "https://example.com/", json={"id": delivery.id})

    def send(self, request: Request, settings: Mapping[str, Any], network: Network) -> Outcome:
        self.sent.append(str(request.json["id"]))
        try:
            return self.outcomes.popleft()
        except IndexError:
            return Delivered()


def scripted(place: Place) -> Place:
    """The same place, with that plugin alone."""
    Scripted.outcomes.clear()
    Scripted.sent.clear()
    place.load_only(Scripted())
    return place


def route_all(place: Place) -> None:
    while place.route.run():
        pass


def deliver(place: Place, seconds: float = 20) -> None:
    place.deliver.drain(threading.Event(), seconds)


def die(place: Place) -> None:
    """A worker claims what is due, and is no more."""
    dead = Deliver(place.store, place.registry, place.settings)
    dead._turn(claim=True)
    dead.close()


class NoQueue:
    """The sweep's pokes go nowhere: the tests run the stations by hand."""

    def poke(self, station: str) -> bool:
        return True


def sweep_of(place: Place) -> Sweep:
    return Sweep(place.store, place.registry, NoQueue())  # type: ignore[arg-type]
