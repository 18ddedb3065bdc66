"""What a plugin raises is told with its place, to the log and to whoever reads the attempt, and with no data."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa

from ours import log
from ours.plugin import (
    Batching,
    Delivered,
    Delivery,
    Destination,
    Endpoint,
    Network,
    Outcome,
    Request,
    Response,
    Schema,
)
from ours.registry import Registry
from ours.registry.registry import Loaded
from ours.services.deliver import Deliver
from ours.services.destinations import Destinations
from ours.services.route import Route
from ours.store.tables import attempts
from tests.receiver import Receiver
from tests.services.conftest import Place


class Faulty(Destination):
    """Raises where ``place`` says, for events that are named Bad."""

    slug = "faulty"
    label = "Faulty"
    default_mapping: ClassVar[Mapping[str, Any]] = {"who": "{{event.user_id}}"}
    place: ClassVar[str] = "build"

    class Settings(Schema):
        url = Endpoint(required=True)

    def build(self, delivery: Delivery) -> Request:
        if self.place == "build" and delivery.event.name == "Bad":
            raise ValueError(f"What {delivery.fields['who']} has is not to be known.")
        return Request("POST", delivery.settings["url"], json={"name": delivery.event.name})

    def read(self, response: Response) -> Outcome:
        if self.place == "read" and b"Bad" in (response.request.body or b""):
            raise ValueError("jane@example.com: the answer can't be read.")
        return Delivered()


class Sending(Faulty):
    slug = "sending"

    def send(self, request: Request, settings: Mapping[str, Any], network: Network) -> Outcome:
        if request.json["name"] == "Bad":
            raise ValueError("jane@example.com can't be sent.")
        return Delivered()


class Listing(Faulty):
    slug = "listing"
    batching = Batching(max_items=10, linger=0.02)

    def item(self, delivery: Delivery) -> Any:
        return delivery.event.name

    def pack(self, items: Any, settings: Mapping[str, Any]) -> Request:
        if "Bad" in items:
            raise ValueError("jane@example.com can't be packed.")
        return Request("POST", settings["url"], json=list(items))


@pytest.fixture
def engine_kind() -> str:
    return "sqlite"


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Faulty, "place", "build")


def add(place: Place, receiver: Receiver, kind: type[Faulty] = Faulty) -> None:
    place.registry = Registry([Loaded(kind.slug, kind(), "built-in", "here")])
    place.deliver.close()
    place.route = Route(place.store, place.registry)
    place.deliver = Deliver(place.store, place.registry, place.settings)
    place.destinations = Destinations(place.store, place.registry)
    place.destinations.add(kind.slug, "Faulty", {"url": receiver.url}, events=["*"], actor="cli")


def message(place: Place) -> str:
    """Of the latest attempt."""
    with place.store.read() as connection:
        row = connection.execute(sa.select(attempts).order_by(attempts.c.dispatch_id.desc()).limit(1)).one()
    kept = place.store.sealer.open_json(row.exchange, f"attempts:{row.dispatch_id}:{row.number}")
    return str(kept["message"])


@pytest.mark.parametrize(
    ("kind", "verb", "code", "line"),
    [
        (
            Faulty,
            "build",
            "build_failed",
            "raise ValueError(f\"What {delivery.fields['who']} has is not to be known.\")",
        ),
        (Faulty, "read", "read_failed", 'raise ValueError("jane@example.com: the answer can\'t be read.")'),
        (Sending, "send", "send_failed", 'raise ValueError("jane@example.com can\'t be sent.")'),
        (Listing, "pack", "build_failed", 'raise ValueError("jane@example.com can\'t be packed.")'),
    ],
)
def test_an_exception_is_told_with_its_file_and_its_line(
    place: Place, receiver: Receiver, kind: type[Faulty], verb: str, code: str, line: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    log.configure("WARNING", "text")
    monkeypatch.setattr(Faulty, "place", verb)
    add(place, receiver, kind)
    place.track("Bad", user_id="a-secret-person")
    place.work()
    said = message(place)
    assert said.startswith(f"The plugin's {verb}() raised ValueError (test_faults.py, line ")
    assert said.endswith(f": {line}).")
    (logged,) = [one for one in capsys.readouterr().err.splitlines() if code in one]
    assert "test_faults.py, line " in logged
    assert "a-secret-person" not in said + logged


def test_what_never_reached_the_plugin_has_no_place(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Faulty, "build", lambda self: None)
    add(place, receiver)
    place.track()
    place.work()
    assert message(place) == "The plugin's build() raised TypeError."
