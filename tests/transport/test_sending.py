"""What goes over the wire, and how many requests share it."""

import time
from collections.abc import Callable

import psutil
import pycurl
import pytest
import requests

import ours
from ours.core.answer import Answer
from ours.transport import Transport, engine, exchange
from tests.receiver import Receiver

Send = Callable[..., Answer]
Prepare = Callable[..., requests.PreparedRequest]


def gather(transport: Transport) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}
    while transport.in_flight:
        answers |= {answer.tag: answer for answer in transport.wait(1)}
    return answers


def connections_to(receiver: Receiver) -> int:
    opened = psutil.Process().net_connections()
    return len([one for one in opened if one.raddr and one.raddr.port == receiver.port])


def test_a_post_goes_out_byte_for_byte_as_it_was_prepared(receiver: Receiver, send: Send) -> None:
    send(f"{receiver.url}/b%20c?q=1&r=é#top", json={"n": 1}, headers={"webhook-id": "0123", "X-Empty": ""})
    assert receiver.requests[0].raw.decode() == (
        "POST /b%20c?q=1&r=%C3%A9 HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{receiver.port}\r\n"
        f"User-Agent: ours/{ours.__version__}\r\n"
        "Accept: */*\r\n"
        "webhook-id: 0123\r\n"
        "X-Empty:\r\n"
        "Content-Type: application/json\r\n"
        "Content-Length: 8\r\n"
        "\r\n"
        '{"n": 1}'
    )


def test_a_path_is_not_tidied_up(receiver: Receiver, send: Send, prepare: Prepare) -> None:
    request = prepare(receiver.url)
    request.url = f"{receiver.url}/a/../b/./c"
    send(request)
    assert receiver.requests[0].path == "/a/../b/./c"


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
def test_a_request_without_a_body_has_none(receiver: Receiver, send: Send, method: str) -> None:
    response = send(receiver.url, method).response
    assert response is not None
    assert response.status_code == 200
    assert (receiver.requests[0].method, receiver.requests[0].body) == (method, b"")
    assert "Content-Type" not in receiver.requests[0].headers


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "GET"])
def test_any_method_can_carry_a_body(receiver: Receiver, send: Send, method: str) -> None:
    body = bytes(range(256)) * 8192
    send(receiver.url, method, data=body)
    received = receiver.requests[0]
    assert (received.method, received.body) == (method, body)
    assert not {"Expect", "Content-Type", "Transfer-Encoding"} & set(received.headers)


def test_an_empty_post_says_that_it_is_empty(receiver: Receiver, send: Send) -> None:
    send(receiver.url, data=None)
    assert receiver.requests[0].headers["Content-Length"] == "0"


def test_nothing_of_a_request_clings_to_the_next(receiver: Receiver, send: Send) -> None:
    for method in ("HEAD", "POST", "GET", "PUT", "HEAD", "GET"):
        receiver.answer(body=b"hello")
        answer = send(receiver.url, method, headers={f"X-{method}": "1"}, **({"data": "b"} if method == "PUT" else {}))
        assert answer.response is not None
        assert answer.response.text == ("" if method == "HEAD" else "hello")
    for received in receiver.requests:
        assert {name for name in received.headers if name.startswith("X-")} == {f"X-{received.method}"}
        assert received.body == {"POST": b"x", "PUT": b"b"}.get(received.method, b"")


def test_a_plugin_may_name_its_own_agent_and_its_own_host(receiver: Receiver, send: Send) -> None:
    send(receiver.url, headers={"User-Agent": "mine/1", "Host": "inside.example", "Expect": "100-continue"})
    assert receiver.requests[0].raw.count(b"mine/1") == 1
    assert receiver.requests[0].headers["Host"] == "inside.example"
    assert "Expect" not in receiver.requests[0].headers


def test_connections_are_used_again(receiver: Receiver, send: Send) -> None:
    answers = [send(receiver.url) for _ in range(20)]
    assert receiver.connections == 1
    assert [answer.failure for answer in answers] == [None] * 20


def test_a_connection_that_is_never_idle_is_not_kept_for_ever(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, make_transport: Callable[..., Transport], prepare: Prepare
) -> None:
    """Its host's name may lead elsewhere by now."""
    monkeypatch.setattr(exchange, "_LIFETIME_SECONDS", 1)
    transport = make_transport()
    transport.submit("a", prepare(receiver.url))
    gather(transport)
    time.sleep(2.1)
    transport.submit("a", prepare(receiver.url))
    gather(transport)
    assert receiver.connections == 2


def test_connections_that_are_not_used_again_are_closed_though_nothing_is_sent(
    receiver: Receiver, transport: Transport, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(receiver.url)
    transport.wait(0)
    assert connections_to(receiver) == 1
    monkeypatch.setattr(engine, "IDLE_SECONDS", 0)
    transport.wait(0)
    assert connections_to(receiver) == 0
    assert send(receiver.url).response is not None


def test_while_something_is_in_flight_no_connection_is_closed(
    receiver: Receiver, transport: Transport, prepare: Prepare, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(receiver.url)
    monkeypatch.setattr(engine, "IDLE_SECONDS", 0)
    receiver.answer(delay=0.1)
    transport.submit("late", prepare(receiver.url))
    assert transport.wait(0) == []
    (answer,) = transport.wait(5)
    assert answer.failure is None
    assert answer.timing.connect_ms < answer.timing.total_ms


def test_two_hundred_requests_are_in_flight_at_once(receiver: Receiver, transport: Transport, prepare: Prepare) -> None:
    receiver.answer(delay=0.3)
    for number in range(200):
        transport.submit(str(number), prepare(f"{receiver.url}/{number}"))
    began = time.monotonic()
    answers = gather(transport)
    assert time.monotonic() - began < 5
    assert all(
        answer.response is not None and answer.response.url.endswith(f"/{tag}") for tag, answer in answers.items()
    )
    assert len(answers) == len({received.path for received in receiver.requests}) == 200


def test_a_request_that_hangs_holds_nobody_up(
    receiver: Receiver, make_transport: Callable[..., Transport], prepare: Prepare
) -> None:
    transport = make_transport(total_timeout=1)
    receiver.answer(hang=True, path="/hang")
    transport.submit("hanging", prepare(f"{receiver.url}/hang"))
    for number in range(20):
        transport.submit(str(number), prepare(receiver.url))
        (answer,) = transport.wait(5)
        assert (answer.tag, answer.failure) == (str(number), None)
    last = gather(transport)["hanging"]
    assert last.failure is not None
    assert (last.failure.code, last.failure.arrived) == ("timeout", True)


def test_waiting_costs_no_work(receiver: Receiver, transport: Transport, prepare: Prepare) -> None:
    receiver.answer(hang=True)
    transport.submit("hanging", prepare(receiver.url))
    transport.wait(0.05)
    began, worked = time.monotonic(), time.thread_time()
    assert transport.wait(0.3) == []
    assert time.monotonic() - began >= 0.3
    assert time.thread_time() - worked < 0.05


def test_waiting_for_nothing_returns_at_once(transport: Transport) -> None:
    began = time.monotonic()
    assert transport.wait(5) == []
    assert time.monotonic() - began < 1


def test_an_abandoned_request_is_never_answered(receiver: Receiver, transport: Transport, prepare: Prepare) -> None:
    receiver.answer(delay=0.1)
    transport.submit("kept", prepare(f"{receiver.url}/kept"))
    transport.submit("dropped", prepare(f"{receiver.url}/dropped"))
    transport.wait(0.02)
    transport.abandon("dropped")
    transport.abandon("never heard of")
    assert transport.in_flight == 1
    assert set(gather(transport)) == {"kept"}


def test_a_tag_is_in_flight_once_at_most(receiver: Receiver, transport: Transport, prepare: Prepare) -> None:
    transport.submit("twin", prepare(receiver.url))
    with pytest.raises(ValueError, match="twin is in flight"):
        transport.submit("twin", prepare(receiver.url))


def test_closing_drops_what_is_in_flight(receiver: Receiver, transport: Transport, prepare: Prepare) -> None:
    receiver.answer(hang=True)
    transport.submit("hanging", prepare(receiver.url))
    transport.wait(0.05)
    transport.close()
    transport.close()
    assert transport.in_flight == 0


def test_proxies_of_the_environment_are_ignored(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, send: Send
) -> None:
    with Receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert send(receiver.url).failure is None
        assert (len(receiver.requests), len(proxy.requests)) == (1, 0)


def test_names_are_looked_up_outside_the_loop() -> None:
    assert pycurl.version_info()[4] & pycurl.VERSION_ASYNCHDNS
