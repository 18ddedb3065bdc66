"""A secure connection needs a certificate that somebody trusted has signed for that very host."""

import ipaddress
import ssl
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ours.core.answer import Answer
from ours.transport import Transport
from tests.receiver import Receiver


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver")])
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now() - timedelta(days=1))
        .not_valid_after(datetime.now() + timedelta(days=1))
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "receiver.pem"
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


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
