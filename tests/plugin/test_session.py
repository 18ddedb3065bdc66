"""``network.session()``: requests' own session, over connections that the operator lets out."""

import socket
import ssl
from pathlib import Path

import pytest
import requests

from ours.plugin import Delivered, Network, NetworkRefused, Rejected, Retry, Unknown, by_status, unanswered
from tests.receiver import Receiver

ANYWHERE = Network(lambda _: True)


def test_two_requests_share_a_connection(receiver: Receiver) -> None:
    with ANYWHERE.session() as session:
        made = session.put(f"{receiver.url}/contacts/7", json={"id": 7}, headers={"X-Key": "k"})
        assert by_status(made) == Delivered()
        assert session.post(f"{receiver.url}/events", json={"id": "e"}).status_code == 200
    first, second = receiver.requests
    assert (first.method, first.path, first.body) == ("PUT", "/contacts/7", b'{"id": 7}')
    assert (second.path, receiver.connections) == ("/events", 1)


def test_what_may_not_be_reached_is_refused_by_name_and_by_address(receiver: Receiver) -> None:
    network = Network(lambda _: False)
    for url in (receiver.url, receiver.url.replace("127.0.0.1", "localhost")):
        with network.session() as session, pytest.raises(NetworkRefused, match="OURS_ALLOW_NETWORKS"):
            session.get(url)
    assert receiver.requests == []


def test_no_redirect_is_followed_and_no_proxy_of_the_environment_asked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    receiver.answer(302, headers={"Location": f"{receiver.url}/elsewhere"})
    with ANYWHERE.session() as session:
        assert isinstance(by_status(session.get(receiver.url)), Rejected)
    assert len(receiver.requests) == 1


def test_the_operators_proxy_is_asked_in_the_hosts_place(receiver: Receiver) -> None:
    network = Network(lambda _: False, proxy=receiver.url)
    with network.session() as session:
        assert session.get("http://api.example/contacts").status_code == 200
        with pytest.raises(NetworkRefused):
            session.get("http://127.0.0.1/")
    assert [one.path for one in receiver.requests] == ["http://api.example/contacts"]


def test_a_certificate_must_be_good_for_the_host(
    certificate: Path, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Receiver(tls=tls) as receiver:
        with ANYWHERE.session() as session, pytest.raises(requests.exceptions.SSLError) as caught:
            session.get(receiver.url)
        assert isinstance(unanswered(caught.value), Retry)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with ANYWHERE.session() as session:
            assert session.get(receiver.url).status_code == 200
            with pytest.raises(requests.exceptions.SSLError):
                session.get(receiver.url.replace("127.0.0.1", "localhost"))


def test_no_answer_is_told_from_no_connection(receiver: Receiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        closed = f"http://127.0.0.1:{free.getsockname()[1]}"
    receiver.answer(200, delay=5)
    said = []
    with ANYWHERE.session(timeout=0.2) as session:
        for url in (closed, "http://no-such-host.invalid", receiver.url, "ftp://a.example"):
            with pytest.raises(requests.RequestException) as caught:
                session.post(url)
            said.append(unanswered(caught.value))
    assert [(type(one), one.code) for one in said] == [  # type: ignore[union-attr]
        (Retry, "unreachable"), (Retry, "unreachable"), (Unknown, "unanswered"), (Rejected, "invalid_request"),
    ]  # fmt: skip
