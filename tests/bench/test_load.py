"""The load generator and the receiver, which must be right before any figure is."""

import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from bench import children, servers
from bench.load import Course, Job, Steady, press, steadily, steady
from bench.load.bodies import USERS, Bodies
from bench.load.job import percentile
from bench.tally import Tally
from bench.works import latency


def body(request: bytes) -> dict[str, object]:
    head, _, rest = request.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(rest)}".encode() in head
    made: dict[str, object] = json.loads(rest)
    return made


def test_no_two_events_are_alike_and_users_come_back() -> None:
    render = Bodies(Job(port=1, key='a"key', tag="t", seconds=1))
    made = [body(render(number)) for number in (*range(100), *range(USERS, USERS + 100))]
    assert {one["token"] for one in made} == {'a"key'}
    assert len({one["distinctId"] for one in made}) == 200
    assert len({one["userId"] for one in made}) == 100


def test_the_rows_of_successive_batches_are_different_events() -> None:
    render = Bodies(Job(port=1, key="k", tag="t", seconds=1, rows=3))
    ids = [row["distinctId"] for number in range(2) for row in body(render(number))["events"]]  # type: ignore[attr-defined]
    assert len(set(ids)) == 6


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 2), (0.51, 3), (0.99, 4), (1.0, 4)])
def test_a_percentile_is_a_value_that_occurred(share: float, value: float) -> None:
    assert percentile([4, 1, 3, 2], share) == value


def test_every_request_that_the_client_counts_reached_the_receiver(tmp_path: Path) -> None:
    with servers.receiver(tmp_path) as receiver, Tally(receiver.tally) as tally:
        load = press(
            Job(port=receiver.port, key="k", tag="t", seconds=0.3, warm=0, tally=str(receiver.tally)), tmp_path
        )
        assert load.failed == 0
        assert 0 < load.answered <= load.sent == tally.count


def test_a_rate_is_kept_and_each_event_is_found_again_by_its_moment(tmp_path: Path) -> None:
    with servers.receiver(tmp_path, "--moments") as receiver:
        load = press(Job(port=receiver.port, key="k", tag="t", seconds=0.5, warm=0, rate=200), tmp_path)
        moments = dict(latency.moments(receiver))
    assert load.sent == pytest.approx(100, abs=3)
    assert all(moments[f"t-{number:09}"] > begun for number, begun in enumerate(load.begun))


def test_a_window_holds_the_load_back_until_the_receiver_has_caught_up(tmp_path: Path) -> None:
    elsewhere = tmp_path / "never-counts"
    with servers.receiver(tmp_path) as receiver:
        job = Job(port=receiver.port, key="k", tag="t", seconds=0.3, warm=0, window=50, tally=str(elsewhere))
        assert press(job, tmp_path).sent == 50


def test_a_large_batch_arrives_whole(tmp_path: Path) -> None:
    with servers.receiver(tmp_path) as receiver:
        load = press(Job(port=receiver.port, key="k", tag="t", seconds=0.3, warm=0, rows=2000, connections=2), tmp_path)
    assert load.answered == load.sent > 0


@pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed here")
def test_wrk_reports_in_the_same_words(tmp_path: Path) -> None:
    with servers.receiver(tmp_path) as receiver:
        load = press(Job(port=receiver.port, key="k", tag="t", seconds=1, warm=0), tmp_path)
    assert load.failed == 0
    assert load.rate > 0


def call(seconds: float, *ports: int) -> Course:
    """What came of as many requests as were due within ``seconds``."""
    caller = steady.Caller(Steady(ports=ports, key="k", tag="t", rate=50))
    threading.Timer(seconds, caller.stop).start()
    return caller.run()


def test_a_steady_rate_is_kept_until_the_end_is_asked_for(tmp_path: Path) -> None:
    with servers.receiver(tmp_path) as receiver, Tally(receiver.tally) as tally:
        with steadily(Steady(ports=[receiver.port], key="k", tag="t", rate=200), tmp_path) as end:
            tally.missing(60, 10)
            course = end()
        assert tally.count == len(course.due)
    assert course.due == pytest.approx([course.due[0] + number / 200 for number in range(len(course.due))])
    assert min(course.took) > 0
    assert course.again == []


def test_the_requests_of_a_stretch_are_those_that_were_due_in_it() -> None:
    course = Course(due=[1.0, 2.0, 3.0, 4.0], took=[0.1, 0.2, -1, 0.4])
    assert course.between(2, 4) == [1, 2]
    assert course.answered([1, 2, 3]) == [200, 400]


def test_what_one_port_refuses_the_next_takes_at_once(tmp_path: Path) -> None:
    with servers.receiver(tmp_path) as receiver, Tally(receiver.tally) as tally:
        course = call(0.3, children.free_port(), receiver.port)
        assert tally.count == len(course.took) > 1
    assert min(course.took) > 0
    assert course.again == []


@pytest.fixture
def hanging_up() -> Iterator[int]:
    """The port of a server that hangs up on the first request, and answers the others."""

    def serve(listener: socket.socket) -> None:
        listener.accept()[0].close()
        with suppress(OSError):  # it is closed in the end
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with connection:
            while connection.recv(65_536):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]


def test_what_broke_is_sent_again_and_its_time_counts(hanging_up: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steady, "_SET_ASIDE", 0.3)
    monkeypatch.setattr(steady, "_AGAIN", 0.1)
    begun = time.monotonic()
    course = call(0.1, hanging_up)
    assert course.again.count(0) > 1  # nobody is asked while the only port is left alone
    assert 0.3 < course.took[0] < time.monotonic() - begun
