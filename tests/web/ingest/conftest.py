"""A small app with the ingest blueprint, and a service behind it that keeps in memory what it accepts."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ours.core.incoming import Incoming
from ours.errors import Busy
from ours.services.accept import Caller, Fate, Receipt, Why
from ours.settings import Settings
from ours.web import ingest

LIVE = "live-key"


class Memory:
    """The accept service's interface, without a database."""

    def __init__(self) -> None:
        self.callers = {LIVE: Caller(1, 1, "live")}
        self.items: list[Incoming] = []
        self.refused = 0
        self.busy = False
        self.fails: Exception | None = None
        self._waiting: list[Callable[[], None]] = []
        self._seen: dict[tuple[str, str], tuple[str, Incoming]] = {}

    def known(self, key: str) -> Caller | None:
        return self.callers.get(key)

    def accept(self, caller: Caller, items: Sequence[Incoming]) -> list[Receipt]:
        if self.busy:
            raise Busy("The disk is nearly full.", retry_after=5)
        return [self._one(item) for item in items]

    def submit(self, caller: Caller, items: Sequence[Incoming], tell: Callable[[Fate], None]) -> None:
        """Tells when ``let_go`` is called."""
        if self.busy:
            raise Busy("The disk is nearly full.", retry_after=5)
        self._waiting.append(lambda: tell(self.fails or [self._one(item) for item in items]))

    def let_go(self) -> None:
        while self._waiting:
            self._waiting.pop(0)()

    def refuse(self, caller: Caller, why: Why, count: int = 1) -> None:
        self.refused += count

    def limit(self, requests: int | None) -> None:
        self.callers[LIVE] = Caller(1, 1, "live", requests)

    def _one(self, item: Incoming) -> Receipt:
        event_id = f"{len(self._seen):032x}"
        distinct_id = item.distinct_id or event_id
        first_id, first = self._seen.setdefault((item.name, distinct_id), (event_id, item))
        if first is item:
            self.items.append(item)
        differs = (first.time, first.payload()) != (item.time, item.payload())
        return Receipt(first_id, distinct_id, first is not item, differs)


@pytest.fixture
def accept() -> Memory:
    return Memory()


@pytest.fixture
def app(accept: Memory, make_settings: Callable[..., Settings]) -> Flask:
    made = Flask(__name__)
    made.extensions["ours"] = SimpleNamespace(accept=accept, settings=make_settings(max_batch_rows=5))
    made.register_blueprint(ingest.blueprint)
    return made


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def post(client: FlaskClient) -> Callable[..., TestResponse]:
    """``post("track", event="A", userId="u")``: with the live key, unless ``token`` says otherwise."""

    def send(door: str, **body: Any) -> TestResponse:
        return client.post(f"/api/v1/{door}", json={"token": LIVE} | body)

    return send
