"""The Playground: send a body through the real door and see what it answers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from flask import current_app, render_template, request
from flask.typing import ResponseReturnValue

from ours import clock
from ours.errors import Invalid
from ours.services.sources import Key, Source, working_key
from ours.web.current import ours
from ours.web.show.door import page, person
from ours.web.show.event_filters import MOST_EVENTS
from ours.web.show.snippets import IDENTIFY, TRACK

_ENDPOINTS = ("track", "identify", "batch")


@dataclass(frozen=True, slots=True)
class Example:
    name: str
    label: str
    endpoint: str
    body: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the door answered. ``event_id`` leads to the event, when one was taken; ``taken``: those of a batch."""

    status: str
    body: str
    event_id: str | None
    taken: Sequence[str] = ()

    @property
    def tone(self) -> str:
        """207: some were taken, and some were not."""
        return "warn" if self.status.startswith("207") else "good" if self.status.startswith("2") else "bad"


def _examples() -> dict[str, Example]:
    yesterday = clock.now_ms() - clock.DAY
    made = (
        Example("purchase", "A purchase", "track", TRACK),
        Example("backfill", "An event from yesterday", "track", {**TRACK, "time": yesterday}),
        Example(
            "once", "An event with a distinctId", "track",
            {"event": "Order Paid", "distinctId": "order-1001", "externalId": "customer-77",
             "eventProperties": {"total": 249.5, "currency": "EUR", "items": [{"sku": "A-1", "quantity": 2}]}},
        ),
        Example(
            "lead", "A form filled in", "track",
            {"event": "Form Submitted", "email": "ada@example.com", "eventProperties": {"form": "newsletter"},
             "userProperties": {"first_name": "Ada", "consent": {"rejected_categories": ["advertising"]}}},
        ),
        Example("identify", "A visitor", "identify", IDENTIFY),
        Example(
            "batch", "A batch with one invalid event", "batch",
            {"events": [{"event": "Order Paid", "distinctId": "order-2001", "userId": "user123"},
                        {"event": "Order Paid", "userId": "user123"}]},
        ),
    )  # fmt: skip
    return {example.name: example for example in made}


@page("/playground", "editor", ["GET", "POST"])
def playground() -> ResponseReturnValue:
    examples = _examples()
    example = examples.get(request.args.get("example", ""), examples["purchase"])
    keys, key_id = _keys(), request.form.get("key", type=int)
    endpoint = request.form.get("endpoint", example.endpoint)
    body = request.form.get("body", json.dumps(example.body, indent=2))
    return render_template(
        "playground/playground.html",
        keys=keys,
        endpoints=_ENDPOINTS,
        key_id=key_id,
        endpoint=endpoint,
        body=body,
        examples=examples.values(),
        example=example,
        answer=_send(keys, key_id, endpoint, body) if request.method == "POST" else None,
    )


def _keys() -> dict[int, tuple[Source, Key]]:
    """The keys that work now, by id, each source's test key first."""
    found = {}
    sources = [source for source in ours().sources.list() if source.status == "active"]
    keys = ours().sources.keys_by_source(source.id for source in sources)
    for source in sources:
        for mode in ("test", "live"):
            if key := working_key(keys[source.id], mode):
                found[key.id] = (source, key)
    return found


def _send(keys: dict[int, tuple[Source, Key]], key_id: int | None, endpoint: str, body: str) -> Answer:
    """Post it to this very application, as a backend would; the key goes in a header. The audit log keeps who did."""
    if key_id not in keys or endpoint not in _ENDPOINTS:
        raise Invalid("Pick a key and an endpoint. Keys that no longer work are not listed.")
    source, key = keys[key_id]
    ours().audit.note_sent(source.id, key.id, key.mode, actor=person().actor)
    client = current_app.test_client(use_cookies=False)
    answer = client.post(
        f"/api/v1/{endpoint}",
        base_url=request.url_root,
        data=body.encode(),
        headers={"Authorization": f"Bearer {key.text.reveal()}", "Content-Type": "application/json"},
    )
    said = answer.get_json(silent=True)
    said = said if isinstance(said, dict) else {}
    taken = [one["eventId"] for one in said.get("results", ()) if one.get("eventId")][:MOST_EVENTS]
    status = f"{answer.status_code} {HTTPStatus(answer.status_code).phrase}"
    return Answer(status, answer.get_data(as_text=True), said.get("eventId"), taken)
