"""The way out through a proxy that the operator named; whatever the environment says is not looked at."""

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from ours.core.answer import Answer
from ours.plugin.network import written_address
from ours.transport import Transport
from tests.receiver import Receiver

Send = Callable[..., Answer]


class Proxy:
    """Takes CONNECT and refuses it with a status, or passes nothing on at all; notes what it was asked."""

    def __init__(self, status: bytes) -> None:
        self.asked: list[bytes] = []
        self._status = status
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.asked.append(connection.recv(65_536).split(b"\r\n")[0])
                connection.sendall(b"HTTP/1.1 " + self._status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def refusing() -> Iterator[Proxy]:
    proxy = Proxy(b"403 Forbidden")
    yield proxy
    proxy.close()


def test_all_goes_through_the_proxy_and_the_name_is_its_to_look_up(
    receiver: Receiver, make_transport: Callable[..., Transport], send: Send
) -> None:
    """A receiver is a proxy for plain HTTP: it is asked for the whole address."""
    transport = make_transport(allow_networks=(), proxy=receiver.url)
    answer = send("http://hooks.example.com/in?x=1", over=transport)
    assert answer.response is not None
    assert answer.response.status_code == 200
    assert receiver.requests[0].path == "http://hooks.example.com/in?x=1"


def test_a_proxy_that_will_not_connect_is_a_failure_before_anything_was_sent(
    refusing: Proxy, make_transport: Callable[..., Transport], send: Send
) -> None:
    failure = send("https://hooks.example.com/", over=make_transport(allow_networks=(), proxy=refusing.url)).failure
    assert refusing.asked == [b"CONNECT hooks.example.com:443 HTTP/1.1"]
    assert failure is not None
    assert (failure.code, failure.arrived) == ("connect_failed", False)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "LOCALHOST.", "a.localhost", "2130706433", "0177.0.0.1", "0x7f.1", "127.1", "[::1]",
     "[::ffff:10.0.0.1]", "169.254.169.254", "10.1.2.3"],
)  # fmt: skip
def test_no_written_address_gets_inside_by_the_proxy(
    receiver: Receiver, make_transport: Callable[..., Transport], send: Send, host: str
) -> None:
    failure = send(f"http://{host}/", over=make_transport(allow_networks=(), proxy=receiver.url)).failure
    assert failure is not None
    assert (failure.code, failure.arrived) == ("ssrf_refused", False)
    assert receiver.connections == 0


def test_an_allowed_network_is_allowed_by_the_proxy_too(
    receiver: Receiver, make_transport: Callable[..., Transport], send: Send
) -> None:
    networks = (ipaddress.ip_network("10.0.0.0/8"),)
    assert send("http://10.1.2.3/", over=make_transport(allow_networks=networks, proxy=receiver.url)).failure is None


def test_the_environments_proxy_and_its_exceptions_are_not_looked_at(
    receiver: Receiver, make_transport: Callable[..., Transport], send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Receiver() as other:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, other.url)
        monkeypatch.setenv("NO_PROXY", "*")
        monkeypatch.setenv("no_proxy", "*")
        assert send(receiver.url, over=make_transport()).failure is None
        assert send("http://hooks.example.com/", over=make_transport(proxy=receiver.url)).failure is None
        assert other.connections == 0
    assert len(receiver.requests) == 2


@pytest.mark.parametrize(
    "host", ["example.com", "hooks.example.com", "1.2.3.4.example.com", "", "xn--e1afmkfd.example"]
)
def test_a_name_is_no_written_address(host: str) -> None:
    assert written_address(host) is None
