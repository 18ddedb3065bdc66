"""A receiver, a transport that may reach it, and ``send``: one request, its answer."""

import ipaddress
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from ours.core.answer import Answer
from ours.transport import Transport

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


@pytest.fixture
def make_transport() -> Iterator[Callable[..., Transport]]:
    """A transport that may reach the loopback."""
    made: list[Transport] = []

    def make(**how: Any) -> Transport:
        given: dict[str, Any] = {"allow_networks": LOOPBACK, "connect_timeout": 4, "total_timeout": 8} | how
        made.append(Transport(**given))
        return made[-1]

    yield make
    for transport in made:
        transport.close()


@pytest.fixture
def transport(make_transport: Callable[..., Transport]) -> Transport:
    return make_transport()


@pytest.fixture
def impatient(make_transport: Callable[..., Transport]) -> Transport:
    """One with time-outs that a test can sit out."""
    return make_transport(connect_timeout=0.3, total_timeout=0.6)


@pytest.fixture
def prepare() -> Callable[..., requests.PreparedRequest]:
    """``prepare(url)``: a POST of a few bytes, unless told otherwise."""

    def prepared(url: str, method: str = "POST", **how: Any) -> requests.PreparedRequest:
        usual = {"data": b"x"} if method == "POST" and "json" not in how else {}
        return requests.Request(method, url, **usual | how).prepare()

    return prepared


@pytest.fixture
def send(transport: Transport, prepare: Callable[..., requests.PreparedRequest]) -> Callable[..., Answer]:
    """``send(url, method, …)`` or ``send(request)``, and optionally ``over`` another transport; the answer."""

    def sent(what: str | requests.PreparedRequest, *how: Any, over: Transport = transport, **more: Any) -> Answer:
        over.submit("it", prepare(what, *how, **more) if isinstance(what, str) else what)
        (answer,) = over.wait(10)
        return answer

    return sent
