"""The figures for a monitor: counted from rows, once each, whoever asks and however often it was restarted."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine

from ours import clock
from ours.queue import Queue
from ours.registry import Registry
from ours.services.accept import Why
from ours.services.conservation import Conservation
from ours.services.metrics import CATALOGUE, Counting, Metrics, Sample, reading
from ours.services.unavailable import Unavailable
from ours.store.queries import counters, moments
from ours.store.queries.counters import Counted
from ours.store.tables import attempts
from tests.receiver import Receiver
from tests.services.conftest import Place

LATER = 10 * 60


@pytest.fixture
def metrics(place: Place) -> Callable[[], dict[tuple[str, ...], Sample]]:
    """Reads them anew, as a process does that has just started."""

    def read() -> dict[tuple[str, ...], Sample]:
        samples = Metrics(place.store, place.registry, Queue(place.settings), place.settings, Unavailable()).read()
        assert len({(one.metric, *one.labels) for one in samples}) == len(samples)
        return {(one.metric, *one.labels): one for one in samples}

    return read


def test_what_came_in_and_what_became_of_it(place: Place, receiver: Receiver, metrics: Any) -> None:
    place.webhook(receiver)
    place.track(distinct_id="o1")
    place.track(distinct_id="o1")
    place.track(mode="test")
    place.accept.refuse(place.callers["live"], Why("invalid_fields", "userId", "r1"), 3)
    waiting = metrics()
    assert waiting["events_unrouted",].value == 2
    place.work()
    time.sleep(0.05)  # the refusals go with a commit of their own
    now = metrics()
    shop, hook = "1 Shop", "1 Hook"
    assert now["events_received_total", shop, "live"].value == 2
    assert now["events_duplicate_total", shop, "live"].value == 1
    assert now["events_rejected_total", shop, "live"].value == 3
    assert now["events_received_total", shop, "test"].value == 1
    assert now["attempts_total", hook, "live", "delivered"].value == 1
    assert now["attempts_total", hook, "test", "sunk"].value == 1
    assert now["attempt_seconds", hook, "live"].buckets[-1] == ("+Inf", 1)
    assert now["delivery_seconds", hook, "live"].buckets[-1] == ("+Inf", 1)
    assert ("delivery_seconds", hook, "test") not in now
    assert now["events_unrouted",].value == 0
    assert now["destination_on", hook, "on"].value == 1
    assert now["destination_plugin_loaded", hook].value == 1
    place.registry = Registry([])
    assert metrics()["destination_plugin_loaded", hook].value == 0


def test_what_is_open_and_how_long_it_has_been_due(place: Place, receiver: Receiver, metrics: Any) -> None:
    receiver.answer(503)
    hook = place.webhook(receiver)
    place.track()
    place.work()
    paused = place.webhook(receiver, "Paused")
    place.destinations.pause(paused, actor="cli")
    place.track()
    while place.route.run():
        pass
    with time_machine.travel(time.time() + 60, tick=True):
        now = metrics()
    assert now["dispatches_open", f"{hook} Hook", "live", "retrying"].value == 1
    assert now["dispatches_open", f"{hook} Hook", "live", "pending"].value == 1
    assert now["dispatches_open", f"{paused} Paused", "live", "held"].value == 1
    assert 59 < now["dispatches_due_age_seconds", f"{hook} Hook"].value < 65
    assert now["destination_on", f"{paused} Paused", "paused"].value == 0
    assert now["breaker_state", f"{hook} Hook"].value == 0


@pytest.mark.parametrize("engine_kind", ["postgresql"])
@pytest.mark.parametrize("apart", [-600, 600])
def test_a_web_server_whose_clock_is_wrong_shows_the_same(
    place: Place, receiver: Receiver, metrics: Any, monkeypatch: pytest.MonkeyPatch, apart: int
) -> None:
    hook = f"{place.webhook(receiver)} Hook"
    place.track()
    place.work()
    place.track()
    while place.route.run():
        pass
    Counting(place.store).tick()
    there = clock.now_ms()
    monkeypatch.setattr(moments, "now", lambda _: there)
    before = metrics()
    with time_machine.travel(time.time() + apart, tick=False):
        now = metrics()
    ages = ("dispatches_due_age_seconds", hook), ("scheduler_age_seconds",)
    assert [now[age].value for age in ages] == [before[age].value for age in ages]
    assert {key: one.value for key, one in now.items() if key[0].endswith("_total")} == {
        key: one.value for key, one in before.items() if key[0].endswith("_total")
    }


def test_counting_on_changes_no_figure_and_each_is_counted_once(place: Place, receiver: Receiver, metrics: Any) -> None:
    place.webhook(receiver)
    for _ in range(3):
        place.track()
    place.work()
    before = {key: one for key, one in metrics().items() if key[0].endswith(("_total", "_seconds"))}
    with time_machine.travel(time.time() + LATER, tick=True):
        counting = Counting(place.store)
        counting.count_on()
        with place.store.read() as connection:
            assert sum(one.count for one in counters.kept(connection) if one.name == "attempts") == 3
        Counting(place.store).count_on()
        after = metrics()
    assert {key: after[key] for key in before if "age" not in key[0]} == {
        key: one for key, one in before.items() if "age" not in key[0]
    }


def test_a_counter_does_not_fall_when_retention_deletes_what_it_counted(
    place: Place, receiver: Receiver, metrics: Any
) -> None:
    place.webhook(receiver)
    place.track()
    place.work()
    with time_machine.travel(time.time() + LATER, tick=True):
        Counting(place.store).count_on()
        with place.store.write() as connection:
            connection.execute(sa.delete(attempts))
        assert metrics()["attempts_total", "1 Hook", "live", "delivered"].value == 1


def test_a_long_silence_is_skipped_and_what_follows_is_counted(place: Place, receiver: Receiver, metrics: Any) -> None:
    place.webhook(receiver)
    place.track()
    place.work()
    with time_machine.travel(time.time() + 40 * 24 * 3600, tick=True):
        Counting(place.store).count_on(seconds=0)
        place.track()
        place.work()
        counting = Counting(place.store)
        for _ in range(3):
            counting.count_on()
        assert metrics()["attempts_total", "1 Hook", "live", "delivered"].value == 2
        with place.store.read() as connection:
            assert clock.now_ms() - counters.noted(connection, "counted") < 5 * clock.MINUTE


def test_after_the_clock_was_ahead_all_counts_on(place: Place, receiver: Receiver, metrics: Any) -> None:
    place.webhook(receiver)
    with time_machine.travel(time.time() + 365 * 24 * 3600, tick=True):
        Counting(place.store).count_on()
    Counting(place.store).count_on()
    place.track()
    place.work()
    assert metrics()["attempts_total", "1 Hook", "live", "delivered"].value == 1
    with time_machine.travel(time.time() + LATER, tick=True):
        Counting(place.store).count_on()
        now = metrics()
    assert now["attempts_total", "1 Hook", "live", "delivered"].value == 1
    assert now["events_received_total", "1 Shop", "live"].value == 1


def test_who_counts_goes_by_the_clock_that_all_share(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    if place.store.is_sqlite:
        pytest.skip("one machine, one clock")
    now = clock.now_ms()
    monkeypatch.setattr(moments, "now", lambda _: now)
    with time_machine.travel(time.time() + 3600, tick=True):
        Counting(place.store).count_on()
    with place.store.read() as connection:
        assert counters.noted(connection, "counted") < now


def test_what_is_counted_on_while_it_is_read_is_not_told_twice(
    place: Place, receiver: Receiver, metrics: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.webhook(receiver)
    place.track()
    place.work()
    between = counters.between

    def slowly(connection: sa.Connection, start: int, end: int) -> Any:
        found = between(connection, start, end)
        monkeypatch.setattr(counters, "between", between)
        Counting(place.store).count_on()
        return found

    with time_machine.travel(time.time() + LATER, tick=True):
        monkeypatch.setattr(counters, "between", slowly)
        assert metrics()["attempts_total", "1 Hook", "live", "delivered"].value == 1
        assert metrics()["attempts_total", "1 Hook", "live", "delivered"].value == 1


def test_the_balance_is_counted_apart_and_its_age_is_told(place: Place, receiver: Receiver, metrics: Any) -> None:
    place.webhook(receiver)
    place.track()
    place.work()
    assert ("balance_difference",) not in metrics()
    Counting(place.store).tick()
    Conservation(place.store).strike()
    place.track()
    with time_machine.travel(time.time() + 30, tick=True):
        now = metrics()
    assert now["balance", "accepted"].value == 1
    assert now["balance", "delivered"].value == 1
    assert now["balance_difference",].value == 0
    assert 29 < now["balance_age_seconds",].value < 35
    assert now["scheduler_age_seconds",].value >= 29


@pytest.fixture
def asked(place: Place) -> Metrics:
    return Metrics(place.store, place.registry, Queue(place.settings), place.settings, Unavailable())


@pytest.fixture
def hang(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The database says nothing until this is set."""
    answers = threading.Event()

    def hung(_: sa.Connection) -> list[Counted]:
        answers.wait(60)
        return []

    monkeypatch.setattr(counters, "kept", hung)
    yield answers
    answers.set()
    for one in threading.enumerate():
        if one.name == "metrics":
            one.join(60)


def test_what_rows_say_is_remembered_for_a_while(place: Place, asked: Metrics) -> None:
    before = asked.read()
    place.track()
    assert _told(asked.read(), "events_unrouted") == _told(before, "events_unrouted") == [0]


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_PATIENCE", 0.1)
    monkeypatch.setattr(reading, "_FRESH", -1.0)
    monkeypatch.setattr(reading, "_REST_FOR_WORK", -1.0)


@pytest.mark.usefixtures("_impatient")
def test_while_it_takes_long_to_read_what_was_read_last_is_told(
    asked: Metrics, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(reading, "_PATIENCE", 60)
    asked.read()
    monkeypatch.setattr(reading, "_PATIENCE", 0.1)
    request.getfixturevalue("hang")
    found = asked.read()
    assert _told(found, "database_up") == [1]
    assert _told(found, "events_unrouted") == [0]
    monkeypatch.setattr(reading, "_STALE", 0.0)
    assert _told(asked.read(), "database_up") == [0]


@pytest.mark.usefixtures("_impatient")
def test_where_no_thread_could_be_begun_the_next_who_asks_begins_one(
    asked: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="new thread"):
            asked.read()
    monkeypatch.setattr(reading, "_PATIENCE", 5)
    assert _told(asked.read(), "database_up") == [1]


@pytest.mark.usefixtures("_impatient")
def test_a_database_that_hangs_is_told_to_be_away(
    asked: Metrics, hang: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_STALE", 1e9)  # longer than the machine has run: that it once was there is no news
    for _ in range(3):  # and nobody waits for whoever came first
        found = asked.read()
        assert _told(found, "database_up") == [0]
        assert {"requests_unavailable_total", "queue_up", "disk_free_bytes"} < {one.metric for one in found}
    hang.set()
    monkeypatch.setattr(reading, "_PATIENCE", 60)
    assert _told(asked.read(), "database_up") == [1]


def test_an_answer_that_was_long_in_coming_is_not_remembered_for_long(
    asked: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour that the database hung is no work that is to be spared."""
    monkeypatch.setattr(reading, "_REST_FOR_WORK", 1e9)
    asked.read()
    assert asked._last[0] < time.monotonic() + 61


def _told(samples: Sequence[Sample], metric: str) -> list[float]:
    return [one.value for one in samples if one.metric == metric]


def test_every_sample_is_in_the_catalogue(place: Place, receiver: Receiver, metrics: Any) -> None:
    place.webhook(receiver)
    place.track()
    place.work()
    Counting(place.store).tick()
    Conservation(place.store).strike()
    found = metrics().values()
    assert all(len(one.labels) == len(CATALOGUE[one.metric].labels) for one in found)
    assert {one.metric for one in found} == set(CATALOGUE) - {"dispatches_open"}
