"""Ways into the network behind us: the spelling of a host, what a name means later, where an answer points."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pycurl
import pytest
import requests

from ours.core.answer import Answer
from ours.plugin import NetworkRefused
from ours.transport import Transport
from tests.receiver import Receiver


@pytest.fixture
def closed() -> Iterator[Transport]:
    """Nothing but the public Internet may be reached."""
    transport = Transport()
    yield transport
    transport.close()


def _send(transport: Transport, url: str, resolve: list[str] | None = None) -> Answer:
    request = requests.PreparedRequest()
    request.method, request.url, request.body = "POST", url, b"{}"
    request.headers = requests.structures.CaseInsensitiveDict()
    transport.submit("it", request)
    if resolve and "it" in transport._flying:
        transport._flying["it"].handle.setopt(pycurl.RESOLVE, resolve)
    (answer,) = transport.wait(5)
    return answer


@pytest.mark.parametrize(
    "form",
    [
        "http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://LOCALHOST.:{port}/", "http://[::1]:{port}/",
        "http://[0:0:0:0:0:ffff:127.0.0.1]:{port}/", "http://[::ffff:7f00:1]:{port}/", "http://[::127.0.0.1]:{port}/",
        "http://[64:ff9b::7f00:1]:{port}/", "http://2130706433:{port}/", "http://017700000001:{port}/",
        "http://0177.0.0.01:{port}/", "http://0x7f000001:{port}/", "http://0x7f.0.0.1:{port}/", "http://127.1:{port}/",
        "http://127.0.1:{port}/", "http://0:{port}/", "http://0.0.0.0:{port}/", "http://127.0.0.1.:{port}/",
        "http://example.com@127.0.0.1:{port}/", "http://127.0.0.1:{port}@example.com/",
        "http://example.com:80@127.0.0.1:{port}/", "http://127.0.0.1:{port}\\@example.com/",
        "http://127.0.0.1:{port}#@example.com/", "http://127.0.0.1:{port}?@example.com/", "http:127.0.0.1:{port}/",
        "http:///127.0.0.1:{port}/", "http://\u2460\u2461\u2466.0.0.1:{port}/", "http://127\u30020.0.1:{port}/",
        "http://%31%32%37.0.0.1:{port}/", "http://127.0.0.1%00.example.com:{port}/", "http://[::1%25lo]:{port}/",
        "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://100.100.100.200/",
        "file:///etc/passwd", "gopher://127.0.0.1:{port}/_x", "dict://127.0.0.1:{port}/", "ftp://127.0.0.1:{port}/",
        "unix:///var/run/docker.sock", "http://127.0.0.1:{port}\r\nHost: example.com/", " http://127.0.0.1:{port}/",
    ],
)  # fmt: skip
def test_no_spelling_leads_inside(receiver: Receiver, closed: Transport, form: str) -> None:
    answer = _send(closed, form.format(port=receiver.port))
    assert answer.failure is not None
    assert answer.failure.arrived is False
    assert receiver.connections == 0


def test_a_name_that_was_public_and_leads_inside_later_is_judged_anew(receiver: Receiver, closed: Transport) -> None:
    """DNS rebinding: what counts is the address of the very connection, whatever the name meant before."""
    host = f"rebind.example.com:{receiver.port}"
    first = _send(closed, f"http://{host}/", [f"{host}:192.0.2.1"])
    assert first.failure is not None
    assert first.failure.code == "ssrf_refused"
    second = _send(closed, f"http://{host}/", [f"-{host}", f"{host}:127.0.0.1"])
    assert second.failure is not None
    assert second.failure.code == "ssrf_refused"
    both = _send(closed, f"http://{host}/", [f"-{host}", f"{host}:127.0.0.1,[::1]"])
    assert both.failure is not None
    assert receiver.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "place", ["http://127.0.0.1:{port}/inside", "//127.0.0.1:{port}/", "file:///etc/passwd", "/next"]
)
def test_where_an_answer_points_nobody_goes(
    make_transport: Callable[..., Transport], receiver: Receiver, status: int, place: str
) -> None:
    receiver.answer(status, headers={"Location": place.format(port=receiver.port)})
    answer = _send(make_transport(), receiver.url)
    assert answer.response is not None
    assert answer.response.status_code == status
    assert len(receiver.requests) == 1


@pytest.fixture
def make_transport() -> Iterator[Callable[..., Transport]]:
    import ipaddress

    made: list[Transport] = []

    def make() -> Transport:
        made.append(Transport((ipaddress.ip_network("127.0.0.0/8"),)))
        return made[-1]

    yield make
    for transport in made:
        transport.close()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "LOCALHOST.", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1",
        "64:ff9b::7f00:1", "2130706433", "0177.0.0.1", "0x7f.1", "127.1", "0", "0.0.0.0", "", "::", "fe80::1%lo",
        "10.1.2.3", "169.254.169.254",
        "fd00:ec2::254", "127.0.0.1,8.8.8.8", "8.8.8.8,127.0.0.1", "/var/run", "@abstract", "127.0.0.1\0.example.com",
        "user@127.0.0.1", "x" * 70 + ".example.com", "127。0.0.1",
    ],
)  # fmt: skip
def test_no_spelling_leads_a_plugin_that_sends_itself_inside(receiver: Receiver, closed: Transport, host: str) -> None:
    with pytest.raises((NetworkRefused, OSError, ValueError)):
        closed.network.connect(host, receiver.port, timeout=1)
    assert receiver.connections == 0


def test_what_a_plugin_connects_to_is_what_was_judged(
    receiver: Receiver, make_transport: Callable[..., Transport], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is looked up once for each connection. That it means something else a moment later changes nothing."""
    meanings = iter(["127.0.0.1", "10.1.2.3", "8.8.8.8"])
    really = socket.getaddrinfo

    def look_up(host: str, *given: Any, **options: Any) -> Any:
        return really(next(meanings) if host == "rebind.example.com" else host, *given, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    network = make_transport().network
    network.connect("rebind.example.com", receiver.port).close()
    with pytest.raises(NetworkRefused, match=r"10\.1\.2\.3 .*OURS_ALLOW_NETWORKS"):
        network.connect("rebind.example.com", receiver.port)
    assert network.addresses("rebind.example.com", receiver.port) == ["8.8.8.8"]


def test_of_many_addresses_only_those_that_are_permitted_remain(
    closed: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(_host: str, port: int, **_: Any) -> Any:
        return [(0, 0, 0, "", (one, port)) for one in ("127.0.0.1", "8.8.8.8", "::1", "8.8.8.8", "2606:4700::1111")]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert closed.network.addresses("both.example.com", 443) == ["8.8.8.8", "2606:4700::1111"]
