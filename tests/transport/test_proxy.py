"""The way out through a proxy that the operator named; whatever the environment says is not looked at."""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from ours.core.answer import Answer
from ours.plugin.network import written_address
from ours.transport import Transport
from tests.receiver import Receiver

Send = Callable[..., Answer]


class Proxy:
    """Answers CONNECT with a status, and may lead ``to`` a port of this machine; notes what it was asked."""

    def __init__(self, status: bytes, to: int | None = None) -> None:
        self.asked: list[bytes] = []
        self._status, self._to = status, to
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
                connection.sendall(b"HTTP/1.1 " + self._status + b"\r\n" + (_END if self._to is None else b"\r\n"))
                if self._to is not None:
                    self._lead(connection, self._to)

    def _lead(self, connection: socket.socket, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as there:
            back = threading.Thread(target=_copy, args=(there, connection))
            back.start()
            _copy(connection, there)
            back.join()

    def close(self) -> None:
        self._listener.close()


_END = b"Content-Length: 0\r\nConnection: close\r\n\r\n"


def _copy(of: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while data := of.recv(65_536):
            to.sendall(data)
    for end in (of, to):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def test_all_goes_through_the_proxy_and_the_name_is_its_to_look_up(
    receiver: Receiver, make_transport: Callable[..., Transport], send: Send
) -> None:
    """A receiver is a proxy for plain HTTP: it is asked for the whole address."""
    transport = make_transport(allow_networks=(), proxy=receiver.url)
    answer = send("http://hooks.example.com/in?x=1", over=transport)
    assert answer.response is not None
    assert answer.response.status_code == 200
    assert receiver.requests[0].path == "http://hooks.example.com/in?x=1"


@pytest.mark.parametrize(
    ("status", "remedy"), [(b"403 Forbidden", "Allow"), (b"407 Who?", "password"), (b"503 Off", "")]
)
def test_a_proxy_that_will_not_connect_is_a_failure_before_anything_was_sent(
    make_transport: Callable[..., Transport], send: Send, status: bytes, remedy: str
) -> None:
    with closing(Proxy(status)) as refusing:
        failure = send("https://hooks.example.com/", over=make_transport(allow_networks=(), proxy=refusing.url)).failure
    assert refusing.asked == [b"CONNECT hooks.example.com:443 HTTP/1.1"]
    assert failure is not None
    assert (failure.code, failure.arrived) == ("connect_failed", False)
    assert failure.message.startswith("The proxy in OURS_PROXY ")
    assert remedy in failure.message
    assert f"response {status[:3].decode()}" in failure.message


@pytest.mark.parametrize(
    ("proxy", "sentence"),
    [
        ("127.0.0.1:1", "No connection to the proxy in OURS_PROXY."),
        ("nowhere.invalid:3128", "The proxy in OURS_PROXY has no address."),
    ],
)
def test_a_proxy_that_is_away_is_not_taken_for_the_destination(
    make_transport: Callable[..., Transport], send: Send, proxy: str, sentence: str
) -> None:
    over = make_transport(allow_networks=(), proxy=f"http://{proxy}")
    for address in ("http://hooks.example.com/", "https://hooks.example.com/"):
        failure = send(address, over=over).failure
        assert failure is not None
        assert (failure.code, failure.arrived) == ("connect_failed", False)
        assert failure.message.startswith(sentence)


def test_what_a_proxy_said_is_not_the_destinations_answer(
    make_transport: Callable[..., Transport],
    send: Send,
    tls: ssl.SSLContext,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with Receiver(tls=tls) as receiver, closing(Proxy(b"200 Connection established", to=receiver.port)) as proxy:
        over = make_transport(proxy=proxy.url, total_timeout=1.5)
        receiver.answer(path="/silent", hang=True)
        receiver.answer(path="/broken", reset=True)
        for path, code in (("/silent", "timeout"), ("/broken", "connection_lost")):
            failure = send(f"https://127.0.0.1:{receiver.port}{path}", over=over).failure
            assert failure is not None
            assert (failure.code, failure.arrived) == (code, True)
            assert "begun to answer" not in failure.message
        assert send(f"https://127.0.0.1:{receiver.port}/", over=over).failure is None


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
