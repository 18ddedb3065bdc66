"""A batching destination for tests: it posts lists, and its receiver answers by the rules of a test."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ours.plugin import (
    Batching,
    Delivery,
    Destination,
    Endpoint,
    Outcome,
    Rejected,
    Request,
    Response,
    Retry,
    Schema,
    Skipped,
    by_status,
    read_json,
    to_json,
)
from tests.receiver import Received, Receiver, Script
from tests.services.conftest import Place


class Lists(Destination):
    """One list a request. An answer may tell of each item: ``{"outcomes": ["ok", "no", "later"]}``."""

    default_mapping = {"properties": "{{event.event_properties}}"}
    slug = "lists"
    label = "Lists"
    dedupes = True
    batching = Batching(max_items=10, linger=0.05)

    class Settings(Schema):
        url = Endpoint(required=True)

    def item(self, delivery: Delivery) -> Any | Skipped | Rejected:
        if delivery.event.name == "Skip":
            return Skipped("not_mine")
        if delivery.event.name == "Fault":
            raise ValueError("A bug of the plugin.")
        return {"id": delivery.id, "name": delivery.event.name, **delivery.fields.get("properties", {})}

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        if len(items) > 1 and any(item["name"] == "Unpackable" for item in items):
            raise ValueError("A bug of the plugin.")
        headers = {"Content-Type": "application/json"}
        return Request("POST", settings["url"], headers=headers, data=to_json(list(items)))

    def group(self, delivery: Delivery) -> str:
        return str(delivery.fields.get("properties", {}).get("group", ""))

    def read_batch(self, response: Response, items: Sequence[Any]) -> Outcome | Sequence[Outcome]:
        said = read_json(response)
        if not isinstance(said, dict):
            return by_status(response)
        meanings: dict[str, Any] = {"ok": by_status(response), "no": Rejected("bad"), "later": Retry("busy"), "?": "?"}
        return [meanings[word] for word in said["outcomes"]]


class ReadsEach(Lists):
    """It writes ``read_batch`` alone, and is never asked ``read``."""

    def read(self, response: Response) -> Outcome:
        raise AssertionError(f"{response.status_code}: a destination that batches is asked read_batch.")


class ReadsAll(Lists):
    """It writes ``read`` alone, which the base's ``read_batch`` asks."""

    read_batch = Destination.read_batch

    def read(self, response: Response) -> Outcome:
        return Rejected("read_by_its_own", "Said.") if response.status_code == 400 else by_status(response)


class ReadsByStatus(Lists):
    """Its ``read_batch`` asks ``read``, which it does not write."""

    def read_batch(self, response: Response, items: Sequence[Any]) -> Outcome:
        return self.read(response)


class ReadsOne(Lists):
    """It writes both, and its ``read`` asks ``read_batch``."""

    def read(self, response: Response) -> Outcome:
        said = self.read_batch(response, [None])
        return said if isinstance(said, Outcome) else said[0]


class Judge(Receiver):
    """Refuses a request whole, with ``status``, when it carries one of ``bad`` or more than ``most`` items. ``tells``
    makes the answer to all others."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: set[str] = set()
        self.tells: Callable[[Sequence[Mapping[str, Any]]], bytes] | None = None
        self.most = 1_000
        self.status = 400

    def record(self, received: Received) -> Script:
        script, items = super().record(received), json.loads(received.body)
        if len(items) > self.most or any(item["name"] in self.bad for item in items):
            return Script(self.status)
        return Script(body=self.tells(items)) if self.tells else script

    @property
    def batches(self) -> list[list[dict[str, Any]]]:
        return [json.loads(request.body) for request in self.requests]

    @property
    def sizes(self) -> list[int]:
        return [len(batch) for batch in self.batches]


def batching(place: Place, receiver: Receiver, kind: type[Lists] = Lists, **declared: Any) -> int:
    """Let the place have that plugin alone, declared so, and one destination of it; its id."""
    plugin = type("Declared", (kind,), {"batching": Batching(**({"max_items": 10, "linger": 0.05} | declared))})
    place.load_only(plugin())
    settings, limits = {"url": receiver.url}, {"retry_schedule": [86_400]}  # so that no retry comes during a test
    return int(place.destinations.add("lists", "Lists", settings, events=["*"], limits=limits, actor="cli").id)
