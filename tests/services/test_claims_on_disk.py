"""On SQLite, requests are built while the disk takes the claims, and leave when it has them."""

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import time_machine

from ours import clock
from ours.errors import Busy
from ours.plugin import Delivery, Destination
from ours.services.deliver import Deliver
from ours.services.deliver.drain import LEASE
from tests.receiver import Receiver
from tests.services.batching import batching
from tests.services.conftest import Place
from tests.services.scripted import deliver, route_all, sweep_of

Flush = Callable[[int], None]


@pytest.fixture
def engine_kind() -> str:
    return "sqlite"


@pytest.fixture
def flush(monkeypatch: pytest.MonkeyPatch) -> Callable[[Flush], None]:
    """Have another function called where the system is asked to flush."""
    return lambda other: monkeypatch.setattr("ours.store.wal._sync", other)


@pytest.fixture
def built(place: Place, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when the webhook has built a request."""
    found = place.registry.get("webhook")
    assert found
    happened, webhook = threading.Event(), type(found.plugin)
    build = webhook.build

    def noted(self: Destination, delivery: Delivery) -> object:
        made = build(self, delivery)
        happened.set()
        return made

    monkeypatch.setattr(webhook, "build", noted)
    return happened


@pytest.fixture
def owed(place: Place, receiver: Receiver) -> Place:
    """One event is owed to a webhook."""
    place.webhook(receiver)
    place.track()
    route_all(place)
    return place


@pytest.fixture
def reader(place: Place) -> Iterator[sqlite3.Connection]:
    """Keeps the log from being emptied, which would mend a flush that failed."""
    with closing(sqlite3.connect(place.store.url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT * FROM dispatches").fetchall()
        yield connection


def test_a_request_is_built_meanwhile_and_leaves_when_the_claim_is_on_disk(
    owed: Place, receiver: Receiver, flush: Callable[[Flush], None], built: threading.Event
) -> None:
    seen = list[tuple[bool, int]]()

    def slow(handle: int) -> None:
        seen.append((built.wait(10), receiver.connections))
        os.fsync(handle)

    flush(slow)
    deliver(owed)
    assert seen[0] == (True, 0)
    assert len(receiver.requests) == 1
    assert owed.states() == {"delivered": 1}


def broken(_handle: int) -> None:
    raise OSError(errno.EIO, "Input/output error")


def test_nothing_leaves_of_which_the_disk_did_not_take_the_claim_and_all_of_it_later(
    owed: Place, receiver: Receiver, flush: Callable[[Flush], None], reader: sqlite3.Connection
) -> None:
    flush(broken)
    for _ in range(2):
        with pytest.raises(Busy):
            deliver(owed)
    assert receiver.connections == 0
    reader.rollback()
    flush(os.fsync)
    deliver(owed)
    assert len(receiver.requests) == 1
    assert owed.states() == {"delivered": 1}
    assert owed.difference() == 0


def test_what_could_not_leave_in_time_is_left_to_whoever_has_it_in_hand_now(
    owed: Place, receiver: Receiver, flush: Callable[[Flush], None], reader: sqlite3.Connection
) -> None:
    flush(broken)
    with pytest.raises(Busy):
        deliver(owed)
    reader.rollback()
    flush(os.fsync)
    with time_machine.travel(time.time() + LEASE / clock.SECOND + 1), closing(other(owed)) as colleague:
        sweep_of(owed).run()
        colleague._turn(claim=True)
        deliver(owed)
    assert receiver.connections == 0


def other(place: Place) -> Deliver:
    return Deliver(place.store, place.registry, place.settings)


def test_what_waits_for_its_turn_is_handed_back_too(
    place: Place, receiver: Receiver, flush: Callable[[Flush], None], reader: sqlite3.Connection
) -> None:
    lists = batching(place, receiver, max_items=4, max_bytes=1)  # each fills a request of its own
    place.destinations.update(lists, limits={"max_in_flight": 1}, actor="cli")
    for number in range(4):
        place.track(f"E{number}")
    route_all(place)
    flush(broken)
    with pytest.raises(Busy):
        deliver(place)
    reader.rollback()
    flush(os.fsync)
    place.destinations.pause(lists, actor="cli")  # so that nothing comes that would take it along
    deliver(place, 2)
    sweep_of(place).run()
    assert place.states() == {"held": 4}


def test_what_a_plugin_sends_itself_waits_for_the_disk_too(
    place: Place, tmp_path: Path, flush: Callable[[Flush], None]
) -> None:
    place.destinations.add("file", "File", {"folder": str(tmp_path / "events")}, events=["*"], actor="cli")
    place.track()
    route_all(place)
    there = list[int]()

    def lines() -> int:
        return sum(file.read_text().count("\n") for file in (tmp_path / "events").glob("*.jsonl"))

    def noted(handle: int) -> None:
        time.sleep(0.2)  # it would have been written by now
        there.append(lines())
        os.fsync(handle)

    flush(noted)
    deliver(place)
    assert there[0] == 0
    assert lines() == 1
