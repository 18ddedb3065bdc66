"""A secure connection needs a certificate that somebody trusted has signed for that very host."""

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from ours.core.answer import Answer
from ours.transport import Transport
from tests.receiver import Receiver


def test_a_certificate_that_nobody_trusts_is_refused(tls: ssl.SSLContext, send: Callable[..., Answer]) -> None:
    with Receiver(tls=tls) as receiver:
        failure = send(receiver.url).failure
        assert failure is not None
        assert (failure.code, failure.arrived) == ("tls_failed", False)
        assert receiver.requests == []


def test_a_trusted_certificate_is_good_for_its_host_only(
    certificate: Path,
    tls: ssl.SSLContext,
    send: Callable[..., Answer],
    make_transport: Callable[..., Transport],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    transport = make_transport()
    with Receiver(tls=tls) as receiver:
        assert [send(receiver.url, over=transport).failure for _ in range(3)] == [None] * 3
        assert receiver.connections == 1
        failure = send(receiver.url.replace("127.0.0.1", "localhost"), over=transport).failure
        assert failure is not None
        assert (failure.code, failure.arrived) == ("tls_failed", False)


def test_a_plain_receiver_is_no_secure_one(
    receiver: Receiver, impatient: Transport, send: Callable[..., Answer]
) -> None:
    failure = send(receiver.url.replace("http:", "https:"), over=impatient).failure
    assert failure is not None
    assert failure.arrived is False
    assert receiver.requests == []
