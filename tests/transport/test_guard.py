"""Where a request may go. Whatever the name or the spelling, it is the address connected to that counts."""

import ipaddress
from collections.abc import Callable

import pycurl
import pytest
import requests
from hypothesis import assume, given
from hypothesis import strategies as st

from ours.core.answer import Answer
from ours.transport import Transport
from ours.transport.guard import Guard
from tests.receiver import Receiver

Send = Callable[..., Answer]
REFUSED = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254", "168.63.129.16",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.168.1.1", "198.19.0.1",
    "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::",
    "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fd20:ce::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
SPELLINGS = [
    "127.0.0.1", "localhost", "LOCALHOST", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0", "2130706433",
    "0177.0.0.1", "0x7f.1", "127.1", "169.254.169.254", "100.64.0.1", "10.1.2.3", "192.168.0.1", "[fe80::1]",
    "[fd00::1]",
]  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_off_the_public_internet_is_refused(address: str) -> None:
    assert not Guard().permits(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_permitted(address: str) -> None:
    assert Guard().permits(address)


@pytest.mark.parametrize("text", ["", "example.com", "127.0.0.1:80", "/run/socket"])
def test_what_is_no_address_is_refused(text: str) -> None:
    assert not Guard((ipaddress.ip_network("0.0.0.0/0"),)).permits(text)


@given(st.ip_addresses())
def test_what_python_calls_private_is_never_permitted(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assume(not any(address in ipaddress.ip_network(network) for network in ("::ffff:0:0/96", "64:ff9b::/96")))
    if address.is_private or address.is_multicast or address.is_loopback or address.is_reserved:
        assert not Guard().permits(str(address))


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_judged_as_the_one_it_stands_for(address: ipaddress.IPv4Address) -> None:
    for guard in (Guard(), Guard((ipaddress.ip_network("10.0.0.0/8"),))):
        assert guard.permits(f"::ffff:{address}") == guard.permits(f"64:ff9b::{address}") == guard.permits(str(address))


@given(st.ip_addresses(), st.integers(0, 32))
def test_an_allowed_network_is_permitted_whatever_it_is(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, bits: int
) -> None:
    network = ipaddress.ip_network(f"{address}/{bits}", strict=False)
    assert Guard((network,)).permits(str(address))


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_of_a_private_address_gets_through(
    receiver: Receiver, make_transport: Callable[..., Transport], send: Send, host: str
) -> None:
    failure = send(f"http://{host}:{receiver.port}/", over=make_transport(allow_networks=())).failure
    assert failure is not None
    assert (failure.code, failure.arrived) == ("ssrf_refused", False)
    assert "OURS_ALLOW_NETWORKS" in failure.message
    assert receiver.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433"])
def test_an_allowed_network_is_reached(receiver: Receiver, send: Send, host: str) -> None:
    assert send(f"http://{host}:{receiver.port}/").failure is None


def pretend(transport: Transport, request: requests.PreparedRequest, addresses: str) -> Answer:
    """Send ``request`` as if the name server gave ``addresses`` for its host."""
    transport.submit("it", request)
    host, port = (request.url or "").removeprefix("http://").rstrip("/").split(":")
    transport._flying["it"].handle.setopt(pycurl.RESOLVE, [f"{host}:{port}:{addresses}"])
    (answer,) = transport.wait(5)
    return answer


def test_a_public_name_that_leads_inside_is_refused_by_its_address(
    receiver: Receiver, make_transport: Callable[..., Transport], prepare: Callable[..., requests.PreparedRequest]
) -> None:
    request = prepare(f"http://hooks.example.com:{receiver.port}/")
    failure = pretend(make_transport(allow_networks=()), request, "127.0.0.1").failure
    assert failure is not None
    assert failure.code == "ssrf_refused"
    assert "127.0.0.1" in failure.message


def test_of_several_addresses_only_a_permitted_one_is_used(
    receiver: Receiver, make_transport: Callable[..., Transport], prepare: Callable[..., requests.PreparedRequest]
) -> None:
    only_one = (ipaddress.ip_network("127.0.0.1/32"),)
    request = prepare(f"http://hooks.example.com:{receiver.port}/")
    addresses = "127.0.0.2,::1,127.0.0.1"
    assert pretend(make_transport(allow_networks=only_one), request, addresses).failure is None
    receiver.close()
    failure = pretend(make_transport(allow_networks=only_one), request, addresses).failure
    assert failure is not None
    assert failure.code == "connect_failed"
