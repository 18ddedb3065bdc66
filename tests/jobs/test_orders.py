"""What stands in the queue is not trusted: it may wake a station, and have nothing else done."""

import json
import logging
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq import Callback, Queue
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.webhook import Webhook

from ours import log
from ours.jobs import stations
from ours.jobs.worker import StationWorker
from ours.settings import Settings
from tests.jobs import valkeys
from tests.receiver import Receiver

NAME = "ours:0a1b2c3d:deliver"
Work = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def redis(make_settings: Callable[..., Settings]) -> Iterator[Redis]:
    """A real queue server."""
    settings = make_settings()
    with valkeys.running(settings), Redis(unix_socket_path=str(settings.queue_socket)) as connection:
        yield connection


@pytest.fixture
def queue(redis: Redis) -> Queue:
    """What somebody who may write to Redis has in hand."""
    return Queue(NAME, connection=redis, serializer=JSONSerializer)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The calls of the deliver station, each with what it was given."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(stations, "deliver", lambda *given, **named: calls.append((*given, *named)))
    return calls


@pytest.fixture
def work(redis: Redis, capfd: pytest.CaptureFixture[str]) -> Iterator[Work]:
    """Runs a deliver worker until nothing is queued; answers what it logged."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    levels = {name: logging.getLogger(name).level for name in ("rq", "rq.worker")}
    logging.getLogger("rq").setLevel(logging.CRITICAL)

    def run() -> list[dict[str, Any]]:
        log.configure("WARNING", "json")
        worker = StationWorker([NAME], connection=redis, serializer=JSONSerializer)
        worker.work(burst=True, logging_level="CRITICAL")
        said = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
        return [one for one in said if one["room"] == "jobs"]  # a thread of another test may have a word, too

    yield run
    log.configure("WARNING", "text")
    for number, handler in handlers.items():
        signal.signal(number, handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def _stored(redis: Redis) -> list[bytes]:
    """Jobs that the queue still has."""
    return list(redis.scan_iter("rq:job:*"))


def test_the_job_that_we_queue_is_done(queue: Queue, redis: Redis, work: Work, runs: list[tuple[Any, ...]]) -> None:
    queue.enqueue("ours.jobs.stations.deliver", result_ttl=0)
    assert work() == []
    assert runs == [()]
    assert _stored(redis) == []


def test_a_worker_listens_to_no_commands(
    queue: Queue, redis: Redis, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By RQ's commands, whoever can write to the queue could end it."""
    heard: list[list[bytes]] = []
    monkeypatch.setattr(stations, "deliver", lambda: heard.append(redis.pubsub_channels()))
    queue.enqueue("ours.jobs.stations.deliver", result_ttl=0)
    assert work() == []
    assert heard == [[]]


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("subprocess.getoutput", ["touch {proof}"]),
        ("os.system", ["touch {proof}"]),
        ("ours.jobs.stations.os.system", ["touch {proof}"]),
        ("ours.jobs.stations.adopt", [None, None]),
        ("ours.jobs.stations.route", []),  # another station's
        ("ours.jobs.stations.deliver", ["anything"]),
        ("ours.jobs.stations.deliver\n", []),
    ],
)
def test_another_is_dropped_with_a_word_in_the_log(
    queue: Queue, redis: Redis, work: Work, runs: list[tuple[Any, ...]], tmp_path: Path, name: str, given: list[Any]
) -> None:
    proof = tmp_path / "proof"
    queue.enqueue(name, *(one.format(proof=proof) if isinstance(one, str) else one for one in given))
    queue.enqueue("ours.jobs.stations.deliver", result_ttl=0)
    (said,) = work()
    assert (said["event"], said["level"], said["queue"], said["asked"]) == ("job_refused", "error", "deliver", name)
    assert not proof.exists()
    assert runs == [()]  # the worker goes on
    assert _stored(redis) == []


@pytest.mark.parametrize(
    "field",
    [
        {"data": b"x" * 100},
        {"data": b"\x80\x04\x95pickled"},
        {"data": b"\xff\xfe"},
        {"status": b"nonsense"},
        {"timeout": b"soon"},
        {"origin": b"\xff"},
        {"dependency_ids": b"{"},
        {"meta": b"\x80\x04N."},
    ],
)
def test_what_cannot_be_read_ends_no_worker(
    queue: Queue, redis: Redis, work: Work, runs: list[tuple[Any, ...]], field: dict[str, bytes]
) -> None:
    job = queue.enqueue("ours.jobs.stations.deliver", result_ttl=0)
    for name, value in field.items():
        redis.hset(job.key, name, value)
    queue.enqueue("ours.jobs.stations.deliver", result_ttl=0)
    assert len(work()) + len(runs) == 2
    assert runs[-1] == ()
    assert _stored(redis) == []


def test_a_job_brings_no_callback_no_request_and_no_other_job(
    queue: Queue, redis: Redis, work: Work, runs: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []
    monkeypatch.setattr("os.getlogin", lambda *_: called.append("a callback"))
    with Receiver() as receiver:
        for name in ("ours.jobs.stations.deliver", "os.abort"):
            queue.enqueue(
                name,
                on_success=Callback("os.getlogin"),
                on_failure=Callback("os.getlogin"),
                on_stopped=Callback("os.getlogin"),
                webhooks=[Webhook(receiver.url, status) for status in ("finished", "failed")],
                result_ttl=0,
            )
        queue.enqueue("os.abort", depends_on=Job.fetch(queue.job_ids[0], redis, JSONSerializer))
        said = work()
        assert called == []
        assert receiver.requests == []
    assert [line["asked"] for line in said] == ["os.abort"]
    assert runs == [()]


def test_what_a_dead_worker_left_calls_nothing_back(
    queue: Queue, redis: Redis, work: Work, runs: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """RQ's housekeeping calls the failure callback of a job whose worker is gone."""
    called: list[str] = []
    monkeypatch.setattr("os.getlogin", lambda *_: called.append("a callback"))
    job = queue.enqueue("ours.jobs.stations.deliver", on_failure=Callback("os.getlogin"))
    redis.delete(queue.key)
    redis.hset(job.key, "status", "started")
    redis.zadd(queue.started_job_registry.key, {f"{job.id}:execution": 1})
    assert work() == []
    assert redis.zcard(queue.started_job_registry.key) == 0  # it did its work
    assert called == []
    assert runs == []
