"""A whole installation in one process: the stations are run by hand, one step at a time."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine

from ours import clock
from ours.core.incoming import Incoming
from ours.plugin import Destination
from ours.registry import Loaded, Registry, load
from ours.services.accept import Accept, Caller, Receipt
from ours.services.deliver import Deliver
from ours.services.destinations import Destinations
from ours.services.overview import Overview
from ours.services.route import Route
from ours.services.sources import Sources
from ours.settings import Settings
from ours.store import Store
from ours.store.queries import moments, whole
from ours.store.tables import dispatches, metadata
from ours.store.writer import Writer
from tests.receiver import Receiver

MakeStore = Callable[..., Store]


@pytest.fixture(autouse=True)
def _one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who travels in time takes the database's clock along."""
    monkeypatch.setattr(moments, "now", lambda _: clock.now_ms())


@dataclass
class Place:
    """Accept, route and deliver against a real store and a real receiver."""

    store: Store
    settings: Settings
    registry: Registry
    accept: Accept
    route: Route
    deliver: Deliver
    destinations: Destinations
    callers: dict[str, Caller]

    def track(self, name: str = "Purchase", mode: str = "live", **changes: Any) -> Receipt:
        item = Incoming(**({"name": name, "occurred_at": clock.now_ms(), "user_id": "u1"} | changes))
        return self.accept.accept(self.callers[mode], [item])[0]

    def identify(self, mode: str = "live", **changes: Any) -> None:
        item = Incoming(kind="identify", name="$identify", occurred_at=clock.now_ms(), **changes)
        self.accept.accept(self.callers[mode], [item])

    def work(self) -> None:
        """Route and deliver all that is due now."""
        while self.route.run():
            pass
        self.deliver.drain(threading.Event(), 20)

    def webhook(self, receiver: Receiver, name: str = "Hook", **options: Any) -> int:
        options = {"events": ["*"], "actor": "cli"} | options
        return int(self.destinations.add("webhook", name, {"url": receiver.url}, **options).id)

    def load_only(self, *plugins: Destination) -> None:
        """Let there be these plugins alone."""
        self.registry = Registry([Loaded(one.slug, one, "built-in", "here") for one in plugins])
        self.begin_anew()

    def begin_anew(self) -> None:
        """All stations begin anew, with what is loaded and with the keys there are now."""
        self.deliver.close()
        self.route = Route(self.store, self.registry)
        self.deliver = Deliver(self.store, self.registry, self.settings)
        self.destinations = Destinations(self.store, self.registry)

    def difference(self) -> int:
        """By how many the balance is out: 0, or something was lost."""
        return Overview(self.store, self.registry).balance().difference

    def states(self) -> dict[str, int]:
        """How many dispatches are in each state."""
        with self.store.read() as connection:
            query = sa.select(dispatches.c.state, sa.func.count()).group_by(dispatches.c.state)
            return {state: count for state, count in connection.execute(query)}  # noqa: C416


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    """The clock stands still, and goes on when it is told to."""
    with time_machine.travel(clock.now_ms() / 1000, tick=False) as traveller:
        yield traveller


@pytest.fixture
def in_a_hurry(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches wait a moment only for company."""
    for one in place.registry.loaded:
        if one.plugin.batching:
            monkeypatch.setattr(type(one.plugin), "batching", replace(one.plugin.batching, linger=0.05))


@pytest.fixture
def overview(place: Place) -> Overview:
    return Overview(place.store, place.registry)


@pytest.fixture
def place(store: Store, make_settings: Callable[..., Settings]) -> Iterator[Place]:
    settings = make_settings(allow_networks="127.0.0.0/8")
    registry = load(settings)
    writer = Writer(store, lambda: None)
    accept = Accept(store, settings, writer)
    made = Sources(store).add("Shop", actor="cli")
    callers = {"live": accept.authenticate(made.live_key), "test": accept.authenticate(made.test_key)}
    deliver = Deliver(store, registry, settings)
    yield Place(
        store, settings, registry, accept, Route(store, registry), deliver, Destinations(store, registry),
        {mode: caller for mode, caller in callers.items() if caller},
    )  # fmt: skip
    deliver.close()
    writer.close()


@pytest.fixture
def make_empty(make_settings: Any, make_database_url: Any, tmp_path: Path) -> Iterator[MakeStore]:
    """An empty database of that kind, not that of the place."""
    opened: list[Store] = []

    def make(kind: str, **settings: str) -> Store:
        if kind == "sqlite":
            home = tmp_path / f"other{len(opened)}"
            opened.append(Store(make_settings(home=home, **settings)))
        else:
            opened.append(Store(make_settings(database_url=make_database_url(kind), **settings)))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


def content(store: Store) -> dict[str, list[Any]]:
    """All that is there, but for what the audit log says of having been moved."""
    with store.read() as connection:
        found = {table.name: list(whole.rows(connection, table)) for table in metadata.sorted_tables}
    return found | {"audit": [row for row in found["audit"] if "database" not in row]}
