"""A plugin that does not come back holds up nobody but itself, and nothing of what it had is lost."""

import collections
import inspect
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
import time_machine
from structlog.testing import capture_logs

from ours import log, timebox
from ours.plugin import (
    Batching,
    Delivered,
    Delivery,
    Destination,
    Endpoint,
    Outcome,
    Request,
    Response,
    Schema,
    SecretValue,
    Token,
)
from ours.services.deliver import barred, drain
from ours.services.deliver.barred import Barred
from ours.store.tables import attempts, destinations, dispatches
from ours.transport import Transport
from tests.receiver import Receiver
from tests.services.conftest import Place
from tests.services.scripted import die, route_all, scripted, sweep_of

SHIPPED = timebox.SECONDS + timebox.TICK
"""What one call may take, before these tests make it shorter."""


def turns_round() -> None:
    while True:
        pass


def waits() -> None:
    time.sleep(1000)


def matches() -> None:
    re.match(r"(a+)+$", "a" * 60 + "b")


def swallows() -> None:
    for _ in range(3):
        try:
            time.sleep(1000)
        except BaseException:
            continue
    time.sleep(1000)


class Dawdler(Destination):
    """Does not come back where ``hangs`` says so, for events that are named Poison."""

    slug = "dawdler"
    label = "Dawdler"
    hangs: ClassVar[Callable[[], None]] = staticmethod(waits)
    place: ClassVar[str] = "build"

    class Settings(Schema):
        url = Endpoint(required=True)

    def build(self, delivery: Delivery) -> Request:
        if self.place == "build" and delivery.event.name == "Poison":
            type(self).hangs()
        return Request("POST", delivery.settings["url"], json={"name": delivery.event.name})

    def read(self, response: Response) -> Outcome:
        if self.place == "read" and b"Poison" in (response.request.body or b""):
            type(self).hangs()
        return Delivered()


class InLists(Dawdler):
    slug = "lists"
    batching = Batching(max_items=10, linger=0.02)

    def item(self, delivery: Delivery) -> Any:
        if self.place == "item":
            type(self).hangs()
        return delivery.event.name

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        if self.place == "build" and "Poison" in items:
            type(self).hangs()
        return Request("POST", settings["url"], data=json.dumps(list(items)))

    def build(self, delivery: Delivery) -> Request:
        return self.pack([self.item(delivery)], delivery.settings)


class WithToken(Dawdler):
    slug = "token"

    def token_request(self, settings: Mapping[str, Any], now: int) -> Request | None:
        if self.place == "token_request":
            type(self).hangs()
            return None
        return Request("POST", settings["url"], data="Poison")

    def read_token(self, response: Response) -> Token | Outcome:
        type(self).hangs()
        return Token(SecretValue("t"), 3600)


@pytest.fixture
def engine_kind() -> str:
    return "sqlite"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(timebox, "TICK", 0.02)
    monkeypatch.setattr(timebox, "SECONDS", 0.06)
    monkeypatch.setattr(Dawdler, "hangs", staticmethod(waits))
    monkeypatch.setattr(Dawdler, "place", "build")
    before = signal.getsignal(signal.SIGALRM)
    yield
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


@pytest.fixture
def dawdling(place: Place, receiver: Receiver) -> Place:
    place.load_only(place.registry.needed("webhook"), Dawdler(), InLists(), WithToken())
    return place


def add(place: Place, receiver: Receiver, slug: str = "dawdler", name: str = "Slow") -> None:
    with pytest.MonkeyPatch.context() as patient:
        patient.setattr(timebox, "SECONDS", 30.0)  # its settings are checked in a thread, and a busy machine is slow
        place.destinations.add(slug, name, {"url": receiver.url}, events=["*"], actor="cli")


def reasons(place: Place) -> dict[tuple[str, str | None], int]:
    with place.store.read() as connection:
        rows = connection.execute(sa.select(dispatches.c.state, dispatches.c.reason)).all()
    return dict(collections.Counter((row.state, row.reason) for row in rows))


@pytest.mark.parametrize("hangs", [turns_round, waits, matches, swallows])
def test_a_build_that_never_ends_costs_its_own_event_alone(
    dawdling: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, hangs: Callable[[], None]
) -> None:
    monkeypatch.setattr(Dawdler, "hangs", staticmethod(hangs))
    add(dawdling, receiver)
    for name in ("A", "Poison", "B"):
        dawdling.track(name)
    dawdling.work()
    assert reasons(dawdling) == {("delivered", None): 2, ("rejected", "plugin_timeout"): 1}
    assert dawdling.difference() == 0


def test_a_build_that_would_end_the_process_costs_its_own_event_alone(
    dawdling: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave = os._exit
    monkeypatch.setattr(Dawdler, "hangs", staticmethod(lambda: os._exit(0)))
    add(dawdling, receiver)
    for name in ("A", "Poison", "B"):
        dawdling.track(name)
    dawdling.work()
    assert reasons(dawdling) == {("delivered", None): 2, ("rejected", "build_failed"): 1}
    assert os._exit is leave


@pytest.mark.parametrize("takes", [
    lambda: signal.alarm(0),
    lambda: signal.setitimer(signal.ITIMER_REAL, 0),
    lambda: signal.signal(signal.SIGALRM, signal.SIG_IGN),
    lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN),
], ids=["alarm", "timer", "its own alarm", "the end"])  # fmt: skip
def test_a_plugin_that_takes_a_signal_or_a_timer_costs_its_own_event_alone(
    dawdling: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, takes: Callable[[], object]
) -> None:
    """Or whatever hangs after it would stand still for ever, and all that is owed to anybody with it."""
    calls, doors = iter([takes, waits]), (signal.signal, signal.alarm, signal.setitimer)
    term = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(Dawdler, "hangs", staticmethod(lambda: next(calls)()))
    add(dawdling, receiver)
    for name in ("A", "Poison", "Poison", "B"):
        dawdling.track(name)
    dawdling.work()
    assert reasons(dawdling) == {
        ("delivered", None): 2, ("rejected", "build_failed"): 1, ("rejected", "plugin_timeout"): 1,
    }  # fmt: skip
    assert signal.getsignal(signal.SIGTERM) is term
    assert (signal.signal, signal.alarm, signal.setitimer) == doors


def test_a_child_that_a_plugin_forks_may_end_as_it_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timebox, "SECONDS", 30.0)  # to fork a large process takes a while on a busy machine

    def fork() -> int:
        if not (child := os.fork()):
            os._exit(7)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    with timebox.armed():
        assert timebox.limited(fork) == 7


@pytest.mark.parametrize(("code", "status"), [("pass", 0), ("1 / 0", 1)])
def test_to_its_parent_a_child_that_raised_has_failed(code: str, status: int) -> None:
    def fork() -> int:
        if not (child := os.fork()):
            exec(code)
            return 0
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert timebox.in_one_process(fork) == status


def test_one_that_always_hangs_is_paused_and_the_others_go_on(dawdling: Place, receiver: Receiver) -> None:
    add(dawdling, receiver)
    dawdling.webhook(receiver)
    for _ in range(30):
        dawdling.track("Poison")
    began = time.monotonic()
    dawdling.work()
    assert time.monotonic() - began < 5
    assert len(receiver.requests) == 30
    with dawdling.store.read() as connection:
        row = connection.execute(sa.select(destinations).where(destinations.c.slug == "dawdler")).one()
    assert (row.status, row.paused_for) == ("paused", "plugin_timeout")
    sweep_of(dawdling).run()
    assert reasons(dawdling) == {
        ("delivered", None): 30, ("rejected", "plugin_timeout"): 5, ("held", "destination_paused"): 25,
    }  # fmt: skip
    assert dawdling.difference() == 0


def test_calls_that_do_not_end_never_add_up(
    dawdling: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in hand would lose its connections, and then its lease: others' events would be called ambiguous."""
    happened: list[str] = []
    begin = Barred.begin_round

    def hangs() -> None:
        happened.append("hangs")
        waits()

    def begun(self: Barred) -> None:
        happened.append("round")
        begin(self)

    monkeypatch.setattr(Dawdler, "hangs", staticmethod(hangs))
    monkeypatch.setattr(Barred, "begin_round", begun)
    dawdling.webhook(receiver)
    for name in ("One", "Two", "Three"):
        for slug in ("dawdler", "lists"):
            add(dawdling, receiver, slug, name + slug)
    for _ in range(2):
        dawdling.track("Poison")
    dawdling.work()
    assert happened.count("hangs") >= 6
    assert ("hangs", "hangs") not in itertools.pairwise(happened)
    assert len(receiver.requests) == 2
    assert dawdling.difference() == 0


@pytest.fixture
def happened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Rounds, and calls of a plugin of which each takes longer than a round leaves it."""
    monkeypatch.setattr(timebox, "SECONDS", 30.0)
    monkeypatch.setattr(barred, "ITS_SECONDS", 0.02)
    monkeypatch.setattr(barred, "ALL_SECONDS", 30.0)
    happened: list[str] = []
    begin = Barred.begin_round

    def is_slow() -> None:
        happened.append("slow")
        time.sleep(0.03)

    def begun(self: Barred) -> None:
        happened.append("round")
        begin(self)

    monkeypatch.setattr(Dawdler, "hangs", staticmethod(is_slow))
    monkeypatch.setattr(Barred, "begin_round", begun)
    return happened


@pytest.mark.parametrize(
    ("slug", "where"),
    [("dawdler", "build"), ("dawdler", "read"), ("lists", "build"), ("lists", "item"), ("token", "token_request")],
)
def test_calls_that_end_but_not_soon_never_add_up_either(
    dawdling: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, happened: list[str], slug: str, where: str
) -> None:
    """Each is well within its time; all of a backlog together would outlast every lease."""
    monkeypatch.setattr(Dawdler, "place", where)
    monkeypatch.setattr(InLists, "batching", Batching(max_items=1, linger=0.0))
    add(dawdling, receiver, slug)
    dawdling.webhook(receiver)
    for _ in range(8):
        dawdling.track("Poison")
    dawdling.work()
    assert happened.count("slow") >= 8
    assert ("slow", "slow") not in itertools.pairwise(happened)
    assert dawdling.states() == {"delivered": 16}
    assert dawdling.difference() == 0


def test_the_log_names_a_plugin_that_is_made_to_wait_and_does_so_seldom(
    dawdling: Place, receiver: Receiver, happened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(barred, "_seldom", log.Seldom())
    add(dawdling, receiver)
    dawdling.webhook(receiver)
    for _ in range(3):
        dawdling.track("Poison")
    with capture_logs() as lines:
        dawdling.work()
    (said,) = [line for line in lines if line["event"] == "plugin_slow" and line["plugin"] == "dawdler"]
    assert said["log_level"] == "warning"
    assert (said["destination"], said["times"]) == (1, 1)
    assert said["seconds"] >= 0
    assert happened.count("slow") == 3


def test_answers_with_tokens_are_read_one_a_round_where_that_takes_long(
    dawdling: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, happened: list[str]
) -> None:
    monkeypatch.setattr(Dawdler, "place", "read_token")
    for name in ("One", "Two", "Three"):
        add(dawdling, receiver, "token", name)
    dawdling.track("A")
    dawdling.work()
    assert happened.count("slow") == 3
    assert ("slow", "slow") not in itertools.pairwise(happened)
    assert dawdling.states() == {"delivered": 3}


def test_answers_that_nobody_had_time_to_read_by_the_end_of_a_shift_are_kept(
    dawdling: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who looks whether it arrived has to see what was answered."""
    monkeypatch.setattr(barred, "ITS_SECONDS", -1.0)
    monkeypatch.setattr(Barred, "hurried", property(lambda _: True, lambda _, value: None), raising=False)
    monkeypatch.setattr(drain, "_LAST_WAIT", 0.0)
    add(dawdling, receiver)
    for _ in range(3):
        dawdling.track()
    dawdling.track(mode="test")
    route_all(dawdling)
    stop, ends = threading.Event(), time.monotonic() + 30
    while len(dawdling.deliver._outbox._unheard) < 4 and time.monotonic() < ends:
        dawdling.deliver.drain(stop, 0.05)
    stop.set()
    dawdling.deliver.drain(stop)
    with dawdling.store.read() as connection:
        found = connection.execute(sa.select(attempts.c.code, attempts.c.status)).all()
    assert sorted((one.code, one.status) for one in found) == [("not_read", 200)] * 3 + [("test_mode", None)]
    assert dawdling.deliver.in_flight == 0
    assert dawdling.difference() == 0


def test_the_connections_of_others_outlast_a_call_that_is_ended() -> None:
    """Else a receiver that is well would be said to be away: libcurl counts the time in which it has no turn."""
    patience = inspect.signature(Transport).parameters["connect_timeout"].default
    assert patience > SHIPPED + 2


def test_an_answer_that_is_never_read_is_unknown(
    dawdling: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Dawdler, "place", "read")
    add(dawdling, receiver)
    for name in ("A", "Poison", "B"):
        dawdling.track(name)
    dawdling.work()
    states = dawdling.states()
    assert states["held"] >= 1
    assert states["held"] + states.get("delivered", 0) == 3
    assert len(receiver.requests) == 3


def test_a_batch_that_is_never_packed_waits_and_is_not_halved_for_ever(dawdling: Place, receiver: Receiver) -> None:
    add(dawdling, receiver, "lists")
    for name in ("A", "Poison", "B", "C"):
        dawdling.track(name)
    began = time.monotonic()
    dawdling.work()
    assert time.monotonic() - began < 3
    assert reasons(dawdling) == {("retrying", "plugin_timeout"): 4}
    assert receiver.requests == []


def test_what_never_comes_back_to_python_ends_with_its_process_and_says_where() -> None:
    program = (
        "import collections, itertools\n"
        "from ours import timebox\n"
        "timebox.TICK, timebox.LAST_RESORT = 0.1, 0.3\n"
        "def never_ends():\n"
        "    collections.deque(itertools.count(), maxlen=0)\n"
        "with timebox.armed():\n"
        "    timebox.limited(never_ends)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=30, check=False)
    assert ended.returncode == -signal.SIGVTALRM
    assert b"never_ends" in ended.stderr


def test_a_tick_that_comes_at_the_edge_of_the_watch_ends_nobody() -> None:
    program = (
        "from ours import timebox\n"
        "timebox.TICK = 0.00002\n"
        "for _ in range(20_000):\n"
        "    with timebox.armed():\n"
        "        timebox.limited(int)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_what_ends_five_workers_is_not_tried_again(place: Place) -> None:
    scripted(place)
    place.destinations.add("scripted", "Deadly", {}, events=["*"], actor="cli")
    place.registry.get("scripted").plugin.__class__.dedupes = True  # type: ignore[union-attr]
    place.track()
    route_all(place)
    with time_machine.travel(time.time(), tick=False) as clock:
        for _ in itertools.takewhile(lambda _: "exhausted" not in place.states(), range(9)):
            die(place)
            clock.shift(60)
            sweep_of(place).run()
            clock.shift(7200)
    place.registry.get("scripted").plugin.__class__.dedupes = False  # type: ignore[union-attr]
    assert reasons(place) == {("exhausted", "ends_workers"): 1}
    with place.store.read() as connection:
        assert connection.scalar(sa.select(dispatches.c.attempts)) == 5
    assert place.difference() == 0


def test_ours_may_set_signals_in_whatever_way_python_has_for_it() -> None:
    with timebox.armed():
        before = signal.signal(signalnum=signal.SIGUSR1, handler=signal.SIG_IGN)
        assert signal.signal(signal.SIGUSR1, before) == signal.SIG_IGN


def test_a_look_that_comes_as_the_last_ends_leaves_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """That one would end the process, after so much computing that nobody knew why."""
    set_timer, before = timebox._SET_TIMER, signal.signal(signal.SIGALRM, lambda *_: None)

    def late(which: int, *given: float) -> object:
        was = set_timer(which, *given)
        if (which, *given) == (signal.ITIMER_VIRTUAL, 0):
            signal.raise_signal(signal.SIGALRM)
        return was

    monkeypatch.setattr(timebox, "_SET_TIMER", late)
    try:
        with timebox.armed():
            pass
        assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)
    finally:
        set_timer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGALRM, before)
