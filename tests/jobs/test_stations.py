"""The workers' jobs: what goes wrong in one is said, for RQ says nothing of it."""

import errno
import json
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from ours import log, processes
from ours.errors import Busy
from ours.jobs import worker
from ours.jobs.worker import StationWorker
from ours.services.deliver import Deliver
from ours.services.route import Route
from ours.services.sweep import Sweep
from ours.settings import Settings
from tests.jobs import valkeys

WORDS = "no place for jane@canary.example"


@pytest.fixture
def settings(
    make_settings: Callable[..., Settings], make_database_url: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """Of an installation with a queue, on which a worker may be run in this process."""
    make_database_url("sqlite")
    made = make_settings(log_format="json")
    monkeypatch.setattr(StationWorker, "stop", threading.Event())
    monkeypatch.setattr(processes, "keep_memory", lambda: None)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with valkeys.running(made):
        yield made
    for number, handler in handlers.items():
        signal.signal(number, handler)
    log.configure("WARNING", "text")


@pytest.mark.parametrize(("station", "room", "verb"), [("route", Route, "run"), ("deliver", Deliver, "drain")])
def test_a_bug_in_a_station_is_a_line_in_the_log(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    station: str,
    room: type,
    verb: str,
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        raise RuntimeError(WORDS)

    monkeypatch.setattr(room, verb, fail)
    worker.run(settings, station)
    (said,) = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert (said["event"], said["station"], said["level"]) == ("station_failed", station, "error")
    assert "in fail" in said["exception"]
    assert "RuntimeError: no place for ••••" in said["exception"]
    with Redis(unix_socket_path=str(settings.queue_socket)) as queue:
        kept = [queue.hgetall(key) for key in queue.keys("rq:job:*")]
    assert "RuntimeError" not in str(kept)
    assert "jane" not in str(kept)


@pytest.mark.parametrize("error", [OSError(errno.EBADF, "closed"), SystemExit(1)], ids=["closed", "exit"])
def test_a_worker_whose_files_were_closed_ends_and_says_so(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], error: BaseException
) -> None:
    """Nothing else would open them again. What would end it is said, and ends it not by itself."""
    late = threading.Timer(60.0 if isinstance(error, OSError) else 0.0, os.kill, (os.getpid(), signal.SIGTERM))

    def fail(*_: Any, **__: Any) -> None:
        late.start()
        raise error

    monkeypatch.setattr(Deliver, "drain", fail)
    worker.run(settings, "deliver")
    in_time = late.is_alive() or not isinstance(error, OSError)
    late.cancel()
    assert in_time
    assert [json.loads(line)["event"] for line in capfd.readouterr().err.splitlines()] == ["station_failed"]


def test_a_worker_may_have_as_many_files_open_as_the_system_allows(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, most = given = resource.getrlimit(resource.RLIMIT_NOFILE)
    monkeypatch.setattr(Route, "run", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 512), most))
    try:
        worker.run(settings, "route")
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (min(most, 65_536), most)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, given)


def test_plugins_are_imported_by_the_thread_that_can_end_one_that_hangs(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also by a scheduler that stands by, in which a thread beside the main one is the first to need them."""
    told = tmp_path / "by"
    settings.plugins_dir.mkdir()
    (settings.plugins_dir / "tells.py").write_text(
        f"import pathlib, threading\npathlib.Path({str(told)!r}).write_text(threading.current_thread().name)\n"
    )

    def stand_by(*_: Any) -> bool:
        while not told.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)
        return False

    monkeypatch.setattr(worker, "_WATCH_SECONDS", 0.01)
    monkeypatch.setattr(worker, "_lead", stand_by)
    worker.run(settings, "scheduler")
    assert told.read_text() == threading.main_thread().name


@pytest.mark.parametrize("style", ["json", "text"])
def test_no_address_is_in_what_an_exception_says(capsys: pytest.CaptureFixture[str], style: str) -> None:
    log.configure("INFO", style)
    log.get("jobs").error("station_failed", exc_info=RuntimeError(WORDS))
    said = capsys.readouterr().err
    assert "RuntimeError: no place for" in said
    assert "canary.example" not in said
    log.configure("WARNING", "text")


def test_a_database_that_is_away_is_not_said_at_every_turn(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    turns: list[int] = []

    def fail(*_: Any, **__: Any) -> None:
        turns.append(1)
        if len(turns) == 5:
            os.kill(os.getpid(), signal.SIGTERM)
        raise Busy("The database can't be read just now.")

    monkeypatch.setattr(worker, "_SWEEP_SECONDS", 0.01)
    monkeypatch.setattr(worker, "_spell", log.Spell())
    monkeypatch.setattr(Sweep, "tick", fail)
    worker.run(settings, "scheduler")
    said = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [one["event"] for one in said] == ["duty_postponed"]


def test_what_is_postponed_is_said_every_ten_minutes_and_when_it_is_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not again and again, though some duties have nothing to write meanwhile and go well."""
    now = [100.0]

    def fail() -> None:
        raise Busy("The disk is full.")

    log.configure("WARNING", "json")
    monkeypatch.setattr(worker, "_spell", log.Spell())
    monkeypatch.setattr("ours.log.time.monotonic", lambda: now[0])
    for said in (1, 1, 1):
        for _ in range(120):
            worker._attempt(fail)
            now[0] += 5
            assert worker._attempt(int, "7") == 7
        lines = capsys.readouterr().err.splitlines()
        assert [json.loads(line)["event"] for line in lines] == ["duty_postponed"] * said
    now[0] += 60
    for _ in range(2):
        worker._attempt(int)
    (said,) = capsys.readouterr().err.splitlines()
    assert {"event": "duties_resumed", "seconds": 1795, "times": 360}.items() <= json.loads(said).items()
    worker._attempt(fail)
    assert len(capsys.readouterr().err.splitlines()) == 1
    log.configure("WARNING", "text")


def test_what_is_said_seldom_says_how_often_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    now, seldom = [100.0], log.Seldom()
    monkeypatch.setattr("ours.log.time.monotonic", lambda: now[0])
    assert [seldom.times("away") for _ in range(3)] == [1, 0, 0]
    assert seldom.times("full") == 1
    now[0] += 11
    assert [seldom.times("away"), seldom.times("away")] == [3, 0]
    often = log.Seldom(most=2)
    assert [often.times("away") for _ in range(4)] == [1, 1, 0, 0]
    now[0] += 11
    assert [often.times("away") for _ in range(3)] == [3, 1, 0]
