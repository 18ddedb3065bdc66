"""What a plugin raises is told with its place, to the log and to whoever reads the attempt, and with no data."""

import os
import signal
import sys
import time
from asyncio import CancelledError
from collections.abc import Mapping, Sequence
from pathlib import Path
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
from ours.services.alerts.noticing import notice
from ours.store.tables import attempts, destinations, dispatches
from tests.receiver import Receiver
from tests.services.conftest import Place
from tests.services.scripted import sweep_of


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
        if dict(request.json or {})["name"] == "Bad":
            raise ValueError("jane@example.com can't be sent.")
        return Delivered()


class Good(Faulty):
    slug = "good"
    label = "Good"

    def build(self, delivery: Delivery) -> Request:
        return Request("POST", delivery.settings["url"], json={"name": delivery.event.name})

    def read(self, response: Response) -> Outcome:
        return Delivered()


class Listing(Faulty):
    slug = "listing"
    batching = Batching(max_items=10, linger=0.02)

    def item(self, delivery: Delivery) -> Any:
        if self.place == "item" and delivery.event.name == "Bad":
            raise ValueError
        return delivery.event.name

    def pack(self, items: Any, settings: Mapping[str, Any]) -> Request:
        if self.place == "pack" and "Bad" in items:
            raise ValueError("jane@example.com can't be packed.")
        return Request("POST", settings["url"], json=list(items))


@pytest.fixture
def engine_kind() -> str:
    return "sqlite"


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Faulty, "place", "build")


def add(place: Place, receiver: Receiver, kind: type[Faulty] = Faulty) -> None:
    place.load_only(kind())
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


@pytest.mark.parametrize("leave", ["os", "sys"])
def test_a_send_that_would_end_the_process_costs_its_own_event_alone(
    place: Place, receiver: Receiver, leave: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(self: Sending, request: Request, settings: Mapping[str, Any], network: Network) -> Outcome:
        if dict(request.json or {})["name"] == "Bad":
            _ = os._exit(3) if leave == "os" else sys.exit(3)
        return Delivered()

    monkeypatch.setattr(Faulty, "place", "send")
    monkeypatch.setattr(Sending, "send", send)
    add(place, receiver, Sending)
    track(place, "Good", "Bad", "Good")
    place.work()
    assert place.states() == {"delivered": 2, "rejected": 1}
    with place.store.read() as connection:
        assert set(connection.scalars(sa.select(dispatches.c.reason))) == {None, "send_failed"}


@pytest.mark.parametrize("verb", ["build", "read", "send", "item", "pack"])
@pytest.mark.parametrize("error", [CancelledError, KeyboardInterrupt, GeneratorExit])
def test_what_is_no_exception_either_costs_its_own_event_alone(
    place: Place, receiver: Receiver, verb: str, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancelled(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(Faulty, "place", verb)
    kind = {"send": Sending, "item": Listing, "pack": Listing}.get(verb, Faulty)
    monkeypatch.setattr(kind, verb, cancelled)
    place.load_only(kind(), Good())
    for plugin in (kind, Good):
        place.destinations.add(plugin.slug, plugin.label, {"url": receiver.url}, events=["*"], actor="cli")
    place.track()
    place.work()
    row = dispatches.c
    with place.store.read() as connection:
        became = {one[0]: one[1:] for one in connection.execute(sa.select(row.destination_id, row.state, row.reason))}
    code = {"read": "ambiguous", "send": "send_failed"}.get(verb, "build_failed")
    assert became == {1: ("held" if verb == "read" else "rejected", code), 2: ("delivered", None)}


def ended(child: int) -> bool:
    """Whether that process is gone, soon; if not, it is now."""
    for _ in range(200):
        if os.waitpid(child, os.WNOHANG)[0]:
            return True
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


@pytest.mark.parametrize("verb", ["build", "read", "send"])
@pytest.mark.parametrize("child", ["returns", "raises", "exits"])
def test_a_process_that_a_plugin_forks_does_none_of_the_workers_work(
    place: Place, receiver: Receiver, verb: str, child: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Else it claims and delivers what its parent does, once more, to all destinations."""
    parent, children = os.getpid(), []
    kind = Sending if verb == "send" else Faulty
    as_it_is = getattr(kind, verb)

    def forks(*given: Any) -> Any:
        if made := os.fork():
            children.append(made)
        elif child == "raises":
            raise ValueError
        elif child == "exits":
            os._exit(0)
        return as_it_is(*given)

    monkeypatch.setattr(kind, verb, forks)
    add(place, receiver, kind)
    place.track()
    place.work()
    if os.getpid() != parent:
        (tmp_path / "went-on").touch()
        os._exit(0)
    assert [ended(one) for one in children] == [True]
    assert not (tmp_path / "went-on").exists()
    assert place.states() == {"delivered": 1}
    assert len(receiver.requests) == (verb != "send")


def test_what_never_reached_the_plugin_has_no_place(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Faulty, "build", lambda self: None)
    add(place, receiver)
    place.track()
    place.work()
    assert message(place) == "The plugin's build() raised TypeError."


def standing(place: Place) -> tuple[str, str | None]:
    with place.store.read() as connection:
        row = connection.execute(sa.select(destinations)).one()
    return row.status, row.paused_for


def track(place: Place, *names: str, **changes: Any) -> None:
    for name in names:
        place.track(name, **changes)


@pytest.mark.parametrize("verb", ["build", "read", "send", "item", "pack"])
def test_a_plugin_that_fails_at_everything_is_paused_and_told_of(
    place: Place, receiver: Receiver, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Faulty, "place", verb)
    add(place, receiver, {"send": Sending, "item": Listing, "pack": Listing}.get(verb, Faulty))
    if verb in {"read", "send"}:  # what is under way is finished, so not many at once
        place.destinations.update(1, limits={"max_in_flight": 1}, actor="cli")
    track(place, *["Bad"] * 19)
    place.work()
    code = "build_failed" if verb in {"item", "pack"} else f"{verb}_failed"
    assert standing(place) == ("paused", code)
    sweep_of(place).run()
    states = place.states()
    assert states["held"] == (19 if verb == "read" else 14)  # of which five are unknown
    assert states.get("rejected", 0) == (0 if verb == "read" else 5)
    found = notice(place.store, place.registry, place.settings)
    (concern,) = [one for one in found if one.kind == "paused"]
    assert concern.subject == "destination 1"
    assert f"has a plugin that fails to {code.removesuffix('_failed')}" in concern.words
    assert place.difference() == 0


@pytest.mark.parametrize("verb", ["build", "item", "pack"])
def test_bad_events_among_good_ones_pause_nothing(
    place: Place, receiver: Receiver, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Faulty, "place", verb)
    add(place, receiver, Faulty if verb == "build" else Listing)
    track(place, *(["Bad", "Bad", "Bad", "Good"] * 8))
    place.work()
    assert standing(place) == ("on", None)
    assert place.states() == {"delivered": 8, "rejected": 24}


def test_one_after_another_counts_across_turns_and_one_that_works_starts_anew(place: Place, receiver: Receiver) -> None:
    add(place, receiver)
    for name in ["Bad"] * 4 + ["Good"] + ["Bad"] * 4:
        place.track(name)
        place.work()
    assert standing(place) == ("on", None)
    place.track("Bad")
    place.work()
    assert standing(place) == ("paused", "build_failed")


class Lazy(Sequence[Outcome]):
    """Finds out what it holds when it is asked."""

    error: type[BaseException] = ValueError

    def __len__(self) -> int:
        raise self.error

    def __getitem__(self, place: Any) -> Any:
        raise self.error


@pytest.mark.parametrize("error", [ValueError, SystemExit])
@pytest.mark.parametrize(("verb", "code"), [("read_batch", "read_failed"), ("send", "send_failed")])
def test_a_list_that_fails_when_it_is_looked_at_costs_its_own_events_alone(
    place: Place, receiver: Receiver, verb: str, code: str, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Lazy, "error", error)
    kind = type("Lazily", (Listing,), {verb: lambda *_: Lazy()})
    place.load_only(kind(), Good())
    for plugin in (kind, Good):
        place.destinations.add(plugin.slug, plugin.label, {"url": receiver.url}, events=["*"], actor="cli")
    track(place, "A", "B")
    place.work()
    with place.store.read() as connection:
        tries = sa.select(attempts.c.code).order_by(attempts.c.code)
        assert sorted(str(one) for one in connection.scalars(tries)) == ["None", "None", code, code]


def test_test_events_pause_nothing(place: Place, receiver: Receiver) -> None:
    add(place, receiver)
    track(place, *["Bad"] * 9, mode="test")
    place.work()
    assert (standing(place), place.states()) == (("on", None), {"rejected": 9})


def test_one_event_is_one_fault_however_often_it_is_tried(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Faulty, "place", "read")
    monkeypatch.setattr(Faulty, "dedupes", True)
    add(place, receiver)
    place.track("Bad")
    for _ in range(7):
        place.work()
        with place.store.write() as connection:
            connection.execute(sa.update(dispatches).where(dispatches.c.state == "retrying").values(due_at=0))
    assert len(receiver.requests) == 7
    assert standing(place) == ("on", None)


def test_an_outage_that_a_plugin_stumbles_over_is_an_outage(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Faulty, "place", "read")
    add(place, receiver)
    receiver.answer(502)
    track(place, *["Bad"] * 12)
    place.work()
    assert standing(place) == ("on", None)
    with place.store.read() as connection:
        assert connection.scalar(sa.select(destinations.c.breaker)) == "open"
