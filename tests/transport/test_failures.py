"""How a request can fail, and whether it may have arrived all the same."""

import os
import re
import resource
import socket
import time
from collections.abc import Callable, Iterator

import pytest
import requests

from ours.core.answer import Answer, Failure
from ours.transport import Transport
from tests.receiver import Receiver

Fail = Callable[..., Failure]
Prepare = Callable[..., requests.PreparedRequest]
Send = Callable[..., Answer]


@pytest.fixture
def fail(send: Send) -> Fail:
    """The failure of one request."""

    def failing(what: str | requests.PreparedRequest, **how: object) -> Failure:
        answer = send(what, **how)
        assert answer.response is None
        assert answer.failure is not None
        return answer.failure

    return failing


def prepared_for(url: str) -> requests.PreparedRequest:
    """A request to a URL that ``prepare()`` itself would not take."""
    request = requests.Request("POST", "http://127.0.0.1/").prepare()
    request.url = url
    return request


@pytest.fixture
def deaf() -> Iterator[str]:
    """The URL of a listener whose queue is full: a connection to it is neither made nor refused."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        callers = [socket.socket() for _ in range(4)]
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(address)
        yield f"http://127.0.0.1:{address[1]}"
        for caller in callers:
            caller.close()


@pytest.fixture
def no_file_left(receiver: Receiver, fail: Fail) -> Iterator[Callable[[], None]]:
    """When those stand, this process can open no file more, until what this gives is called."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, before[1]))

    def give_back() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

    yield give_back
    give_back()


def test_no_answer_in_time_may_have_arrived(receiver: Receiver, impatient: Transport, fail: Fail) -> None:
    receiver.answer(hang=True)
    failure = fail(receiver.url, over=impatient)
    assert (failure.code, failure.arrived) == ("timeout", True)


def test_half_an_answer_in_time_may_have_arrived_and_says_how_it_began(
    receiver: Receiver, impatient: Transport, fail: Fail
) -> None:
    receiver.answer(202, body=b"x" * 100, pause=0.05)
    failure = fail(receiver.url, over=impatient)
    assert (failure.code, failure.arrived) == ("timeout", True)
    assert "HTTP/1.1 202 Accepted" in failure.message


def test_no_connection_in_time_has_not_arrived(deaf: str, impatient: Transport, fail: Fail) -> None:
    failure = fail(deaf, over=impatient)
    assert (failure.code, failure.arrived) == ("timeout", False)


def test_a_refused_connection_has_not_arrived(receiver: Receiver, fail: Fail) -> None:
    receiver.close()
    failure = fail(receiver.url)
    assert (failure.code, failure.arrived) == ("connect_failed", False)


@pytest.mark.usefixtures("no_file_left")
@pytest.mark.parametrize("host", ["127.0.0.1", "nobody.invalid"])
def test_a_request_for_which_we_have_no_file_left_is_not_the_destinations_fault(
    receiver: Receiver, fail: Fail, host: str
) -> None:
    failure = fail(f"http://{host}:{receiver.port}/")
    assert (failure.code, failure.arrived) == ("out_of_files", False)


def test_once_there_are_files_again_a_connection_that_is_refused_says_so(
    receiver: Receiver, fail: Fail, no_file_left: Callable[[], None]
) -> None:
    assert fail(receiver.url).code == "out_of_files"
    no_file_left()
    receiver.close()
    assert fail(receiver.url).code == "connect_failed"


def test_an_unknown_host_has_not_arrived(fail: Fail) -> None:
    failure = fail("http://nobody.invalid/")
    assert (failure.code, failure.arrived) == ("dns_failed", False)
    assert re.fullmatch(
        r"The destination's host name has no address \(DNS\)\. .*\(.*nobody\.invalid.*\)", failure.message
    )


@pytest.mark.parametrize("host", ["127.0.0.1:99999", "[::1", "exa%00mple.com"])
def test_a_host_that_can_not_be_is_an_invalid_request(fail: Fail, host: str) -> None:
    failure = fail(prepared_for(f"http://{host}/"))
    assert (failure.code, failure.arrived) == ("invalid_request", False)


@pytest.mark.parametrize(
    "how",
    [
        {"reset": True},
        {"body": b"x" * 100, "cut": 50},
        {"raw": b""},
        {"raw": b"HTTP/1.1 20"},
        {"raw": b"SSH-2.0\r\n"},
    ],
)
def test_a_connection_that_breaks_may_have_arrived(receiver: Receiver, fail: Fail, how: dict[str, object]) -> None:
    receiver.answer(**how)  # type: ignore[arg-type]
    failure = fail(receiver.url)
    assert (failure.code, failure.arrived) == ("connection_lost", True)
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("header", [b"X: " + b"a" * 150_000, b"\r\n".join([b"X: " + b"a" * 1000] * 400)])
def test_an_answer_with_endless_headers_is_given_up(receiver: Receiver, fail: Fail, header: bytes) -> None:
    receiver.answer(raw=b"HTTP/1.1 200 OK\r\n" + header + b"\r\n\r\n")
    failure = fail(receiver.url)
    assert (failure.code, failure.arrived) == ("response_too_large", True)


def test_a_request_on_a_connection_that_died_is_sent_again(receiver: Receiver, send: Send) -> None:
    send(receiver.url)
    receiver.answer(reset=True, times=1)
    assert send(receiver.url).failure is None
    assert len(receiver.requests) == 3


def test_what_may_be_sent_once_alone_is_not_sent_again_on_another_connection(
    receiver: Receiver, transport: Transport, prepare: Prepare, send: Send
) -> None:
    send(receiver.url)
    receiver.answer(reset=True, times=1)
    transport.submit("once", prepare(receiver.url), once=True)
    (answer,) = transport.wait(10)
    assert answer.failure is not None
    assert (answer.failure.code, answer.failure.arrived) == ("connection_lost", True)
    assert "the connection had been used before" in answer.failure.message
    assert len(receiver.requests) == 2
    transport.submit("once", prepare(receiver.url), once=True)
    assert transport.wait(10)[0].failure is None


@pytest.mark.parametrize("wait", [0.05, 1.1])
def test_what_may_be_sent_once_alone_is_not_sent_on_a_connection_that_was_closed_while_it_rested(
    receiver: Receiver, transport: Transport, prepare: Prepare, wait: float
) -> None:
    for number in range(1, 4):
        receiver.answer(drop=True)
        transport.submit("once", prepare(receiver.url), once=True)
        (answer,) = transport.wait(10)
        assert answer.failure is None
        assert len(receiver.requests) == receiver.connections == number
        time.sleep(wait)


def test_what_was_sent_once_is_not_sent_again_where_those_at_rest_were_closed_meanwhile(
    receiver: Receiver, transport: Transport, prepare: Prepare
) -> None:
    """Libcurl itself tries another of them then."""
    receiver.answer(delay=0.1)
    for number in range(3):
        transport.submit(str(number), prepare(receiver.url))
    while transport.in_flight:
        transport.wait(1)
    receiver.answer(hang=True, times=1)
    transport.submit("once", prepare(receiver.url), once=True)
    assert transport.wait(0.1) == []
    receiver.wait_for(4)
    for connection in list(receiver._open):
        connection.shutdown(socket.SHUT_RDWR)
    (answer,) = transport.wait(10)
    assert answer.failure is not None
    assert answer.failure.arrived
    assert len(receiver.requests) == 4


def test_a_request_is_sent_twice_at_most(
    receiver: Receiver, transport: Transport, prepare: Prepare, fail: Fail
) -> None:
    receiver.answer(delay=0.1)
    for number in range(5):
        transport.submit(str(number), prepare(receiver.url))
    while transport.in_flight:
        transport.wait(1)
    assert receiver.connections == 5
    receiver.answer(raw=b"")
    failure = fail(receiver.url)
    assert (failure.code, failure.arrived) == ("connection_lost", True)
    assert "sent twice" in failure.message
    assert len(receiver.requests) == 5 + 2


def test_a_receiver_that_dies_with_the_request_in_hand_may_have_taken_it(
    receiver: Receiver, transport: Transport, prepare: Prepare, send: Send
) -> None:
    send(receiver.url)
    receiver.answer(hang=True)
    transport.submit("late", prepare(receiver.url))
    transport.wait(0.05)
    receiver.wait_for(2)
    receiver.close()
    (answer,) = transport.wait(2)
    assert answer.failure is not None
    assert (answer.failure.code, answer.failure.arrived) == ("connection_lost", True)
