"""Senders who are slow, silent or say too much, over real connections to granian, whose two threads they can't take."""

import http.client
import io
import json
import multiprocessing
import os
import queue
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings

from ours import processes
from ours.errors import Busy
from ours.web import arriving, cutting, later
from ours.web.arriving import MOST_WAITING, Arriving
from ours.web.cutting import Connections

LARGEST = 100_000
forked = multiprocessing.get_context("fork")  # what is imported is there


MOST = 400
"""Connections at once."""
NONE = Connections(1, most=10**9, resting=0)


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Says how many bytes of body it was given; 413 when more were announced than it takes, 503 when we are busy."""
    status, count = "200 OK", 0
    if int(environ.get("CONTENT_LENGTH") or 0) > LARGEST:
        status = "413 Too Large"
    elif environ["PATH_INFO"] != "/unread":
        try:
            count = len(environ["wsgi.input"].read())
        except Busy:
            status = "503 Busy"
    said = f"{environ['PATH_INFO']} {count}".encode()
    start_response(status, [("Content-Length", str(len(said)))])
    return [said]


def serve(port: int, above: int) -> None:
    processes.bind_to_parent(above)
    parent = os.getpid()
    arriving._ANSWER_SECONDS, arriving._FULL_SECONDS, arriving._MOST_HELD = 1, 1.0, 1_000_000

    def load(_: str) -> Any:
        processes.bind_to_parent(parent)
        there = Connections(port, most=MOST, resting=0)
        later.allow(lambda run: Arriving(run, threads=2, largest=LARGEST, connections=there, seconds=1.2))
        return application

    multiprocessing.set_start_method("fork", force=True)
    Granian(
        "x:y",
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        blocking_threads=2 + MOST_WAITING,
        blocking_threads_idle_timeout=5,
        backpressure=MOST,
        http1_settings=HTTP1Settings(header_read_timeout=600_000),
        workers_kill_timeout=1,
        log_enabled=False,
    ).serve(target_loader=load)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = int(probe.getsockname()[1])
    server = forked.Process(target=serve, args=(number, os.getpid()))
    server.start()
    try:
        ends = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", number)).close()
                break
            except ConnectionRefusedError:
                assert time.monotonic() < ends
                time.sleep(0.02)
        yield number
    finally:
        server.terminate()
        server.join(10)


@pytest.fixture
def connect(port: int) -> Iterator[Callable[[bytes], socket.socket]]:
    with ExitStack() as opened:

        def connect(sent: bytes) -> socket.socket:
            connection = opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            connection.sendall(sent)
            return connection

        yield connect


def head(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


def ask(port: int, path: str, body: bytes | None = None) -> tuple[int, str, float]:
    """The answer's status and text, and after how many seconds it came."""
    begun = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST" if body else "GET", path, body)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text, time.monotonic() - begun


def all_of(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(4096), b""))


SILENT = [
    head("/silent", "Content-Length: 500") + b"{",
    head("/silent", "Transfer-Encoding: chunked") + b"1\r\n{\r\n",
]


@pytest.mark.parametrize("sent", SILENT, ids=["announced", "chunked"])
def test_many_silent_senders_keep_nobody_waiting(port: int, connect: Any, sent: bytes) -> None:
    for _ in range(MOST // 4):  # those of a test before may still be open
        connect(sent)
    for body in (b"x" * 500, None, b"x" * 90_000, b"y"):
        status, text, seconds = ask(port, "/other", body)
        assert (status, text) == (200, f"/other {len(body or b'')}")
        assert seconds < 2


@pytest.mark.parametrize("sent", SILENT, ids=["announced", "chunked"])
def test_what_does_not_arrive_is_told_so_and_then_cut(port: int, connect: Any, sent: bytes) -> None:
    begun = time.monotonic()
    silent = [connect(sent) for _ in range(5)]
    for connection in silent:
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        said = json.loads(answer.read())
        assert (answer.status, said["code"], said["success"]) == (408, "request_timeout", False)
        assert answer.headers["Connection"] == "close"
    assert time.monotonic() - begun > 1
    assert all(connection.recv(1) == b"" for connection in silent)
    assert ask(port, "/other", b"x")[0] == 200


def test_who_was_told_to_be_late_and_the_next_silent_one_together_keep_nobody_waiting(port: int, connect: Any) -> None:
    every_thread = [connect(head("/any", "Content-Length: 1", "Connection: close")) for _ in range(2 + MOST_WAITING)]
    for connection in every_thread:
        connection.sendall(b"x")
    for connection in every_thread:
        assert all_of(connection).endswith(b"/any 1")
    late = connect(SILENT[0])
    assert late.recv(4096).startswith(b"HTTP/1.1 408")
    connect(SILENT[0])
    time.sleep(0.1)
    assert ask(port, "/other", b"x")[2] < 1


def test_a_slow_body_that_arrives_in_time_is_read_wherever_it_is_waited_for(port: int, connect: Any) -> None:
    slow = [connect(head("/slow", "Content-Length: 4", "Connection: close") + b"a") for _ in range(6)]
    for part in (b"b", b"c", b"d"):
        time.sleep(0.1)
        for connection in slow:
            connection.sendall(part)
    for connection in slow:
        assert all_of(connection).endswith(b"/slow 4")


def test_bodies_that_arrive_at_once_take_no_more_memory_than_they_may(port: int, connect: Any) -> None:
    large = [connect(head("/large", "Content-Length: 90000") + b"x" * 89_999) for _ in range(20)]
    answers = []
    for connection in large:
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        answers.append(answer.status)
        connection.close()
    assert {503, 408} == {*answers}
    assert ask(port, "/other", b"x" * 90_000)[:2] == (200, "/other 90000")


def test_who_writes_all_before_reading_learns_that_it_was_too_much(port: int, connect: Any) -> None:
    for _ in range(3):
        connection = connect(head("/much", "Content-Length: 20000000", "Connection: close"))
        for _ in range(20):
            connection.sendall(b"x" * 1_000_000)
        assert all_of(connection).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("length", [50, LARGEST + 1])
def test_an_answer_that_does_not_wait_for_the_body_ends_the_connection(connect: Any, length: int) -> None:
    """A proxy that gives such a body up may send the next caller's request over it."""
    connection = connect(head("/unread", f"Content-Length: {length}") + b"x" * 10)
    answer = connection.recv(4096)
    assert b"\r\nconnection: close\r\n" in answer.lower()
    connection.sendall(b"x" * (length - 10) + head("/next"))
    assert b"/next" not in all_of(connection)


def test_an_answer_to_a_body_that_was_read_keeps_the_connection(connect: Any) -> None:
    for path in ("/read", "/next"):
        connection = connect(head(path, "Content-Length: 2") + b"xx")
        assert b"connection:" not in connection.recv(4096).lower()


def test_a_body_that_nobody_reads_leaves_the_next_request_of_the_same_caller_alone(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for path, size in (("/unread", 90_000), ("/read", 90_000), ("/unread", 10), ("/read", 5)):
        connection.request("POST", path, b"x" * size)
        assert connection.getresponse().read().decode() == f"{path} {size if path == '/read' else 0}"
    connection.close()


def test_a_body_may_be_read_in_parts() -> None:
    parts: list[bytes] = []

    def run(_: Any, environ: dict[str, Any]) -> None:
        body = environ["wsgi.input"]
        parts.extend(body.read(size) for size in (2, 3, 50, 1, -1))

    arrives = Arriving(run, threads=2, largest=100, connections=NONE)
    arrives(object(), {"CONTENT_LENGTH": "7", "wsgi.input": io.BytesIO(b"abcdefg")})
    arrives(object(), {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": io.BytesIO(b"abcdefg")})
    assert parts == [b"ab", b"cde", b"fg", b"", b""] * 2


def test_who_asks_before_sending_is_answered_and_need_not_send(connect: Any) -> None:
    connection = connect(head("/much", "Content-Length: 20000000", "Expect: 100-continue"))
    assert connection.recv(4096).startswith(b"HTTP/1.1 413")


def test_who_asked_and_was_told_to_go_on_keeps_the_connection(connect: Any) -> None:
    connection = connect(head("/asked", "Content-Length: 1", "Expect: 100-continue"))
    assert connection.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(b"x" + head("/next", "Connection: close"))
    answer = all_of(connection)
    assert answer.index(b"/asked 1") < answer.index(b"/next 0")


def test_who_asked_and_then_says_too_much_can_say_it_all(connect: Any) -> None:
    connection = connect(head("/long", "Transfer-Encoding: chunked", "Expect: 100-continue"))
    assert connection.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(b"989680\r\n" + b"x" * 10_000_000 + b"\r\n0\r\n\r\n")
    assert all_of(connection).endswith(b"/long 100001")


def test_connections_that_say_nothing_make_room_when_there_is_none_for_others(port: int, connect: Any) -> None:
    for number in range(MOST + 20):
        connect(b"POST / HTTP/1.1\r\nX: " if number % 2 else b"")
    for _ in range(2):
        assert ask(port, "/other", b"x")[:2] == (200, "/other 1")


class Told:
    """Connections of which it is only kept how many seconds of silence end them."""

    def __init__(self, resting: float, full: bool) -> None:
        self.resting, self.full = resting, full
        self.cut: queue.SimpleQueue[float] = queue.SimpleQueue()

    def cut_silent(self, seconds: float) -> None:
        self.cut.put(seconds)


@pytest.mark.parametrize(("resting", "full", "seconds"), [(75, False, 75), (0, False, 30.1), (75, True, 10)])
def test_a_late_body_ends_no_connection_that_may_still_rest(resting: float, full: bool, seconds: float) -> None:
    there: Any = Told(resting, full)
    arrives = Arriving(lambda *_: None, threads=2, largest=1, connections=there, seconds=0.1)
    arrives._late.add("somebody")
    assert there.cut.get(timeout=60) == seconds


def test_only_silent_connections_to_that_port_are_cut() -> None:
    with ExitStack() as opened:
        pairs = []
        for _ in range(2):
            listener = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
            near = opened.enter_context(socket.create_connection(listener.getsockname()))
            pairs.append((listener.getsockname()[1], near, opened.enter_context(listener.accept()[0])))
        (port, near, far), (_, _, other) = pairs
        time.sleep(0.2)
        far.sendall(b"x")
        assert Connections(port, 2, 0).cut_silent(0.1) == 0
        time.sleep(0.2)
        assert Connections(port, 2, 0).cut_silent(0.1) == 1
        assert (near.recv(9), near.recv(9)) == (b"x", b"")
        other.sendall(b"y")


def test_looking_for_silent_connections_leaves_no_file_open(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb"), socket.create_server(("127.0.0.1", 0)) as listener:
        before = {*Path("/proc/self/fd").iterdir()}
        Connections(listener.getsockname()[1], 2, 0).cut_silent(0)
        assert {*Path("/proc/self/fd").iterdir()} == before


def test_where_no_file_is_left_to_look_with_nothing_is_cut_and_nothing_falls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever watches would end the process with it: the one that has no file left."""
    monkeypatch.setattr(cutting, "_OPEN_FILES", tmp_path / "nothing")
    there = Connections(8000, 2, 0)
    assert (there.full, there.cut_silent(0)) == (False, 0)


def test_what_arrives_after_it_was_told_to_be_late_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sender sends it again."""
    monkeypatch.setattr(Connections, "cut_silent", lambda *_: 0)
    told, ran = [], []

    class Given:
        def response_bytes(self, status: int, *_: Any) -> None:
            told.append(status)

    class Source:
        def read(self, size: int) -> bytes:
            time.sleep(0.5)
            return b"x" * size

    def run(_: Any, environ: dict[str, Any]) -> None:
        ran.append(environ["wsgi.input"].read())

    arrives = Arriving(run, threads=2, largest=100, connections=NONE, seconds=0.1)
    arrives(Given(), {"CONTENT_LENGTH": "5", "wsgi.input": Source()})
    assert (told, ran) == ([408], [])
