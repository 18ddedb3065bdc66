"""``Transport``: takes requests by tag, keeps them all in flight at once, and hands back answers as they end."""

import math
import ssl
import time
from typing import Protocol
from urllib.parse import urlsplit

import pycurl
import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from ours.core.answer import Answer, Failure, Timing
from ours.plugin.network import Network as Way
from ours.plugin.network import written_address
from ours.settings import Network
from ours.transport import failures, outgoing
from ours.transport.exchange import IDLE_SECONDS, Exchange, Limits
from ours.transport.guard import Guard
from ours.transport.loop import Loop

_FOR_EACH_MORE = 1024
"""Bytes of an answer for each event but the first: vendors that take many say of each what became of it."""
_CONNECT_TIMEOUT = 10.0
"""Seconds. libcurl's clock goes on while a plugin's call holds us up: what it may take has to fit in here."""
_DEAF, _EVER = 1.0, 86_400.0
"""Seconds. After so long without listening, what came meanwhile is read before it is asked what took too long."""


class Bell(Protocol):
    """Rings when there is something else to do."""

    def descriptor(self) -> int | None:
        """Readable when there is something to hear; None when it is out of order."""

    def heard(self) -> bool:
        """Whether it rang. Takes what made the descriptor readable."""


class Transport:
    """Belongs to one thread of one process: make it after a fork, never before.

    ``network`` is the way out for what is sent by others, under the same rules.

    Connections are kept and used again. When one turns out to have died before any of the answer came, the request is
    sent once more on another, and never oftener: so the receiver may, rarely, see it twice. With ``once`` it is not.
    """

    def __init__(
        self,
        allow_networks: tuple[Network, ...] = (),
        *,
        connect_timeout: float = _CONNECT_TIMEOUT,
        total_timeout: float = 20.0,
        max_response: int = 65_536,
        proxy: str = "",
    ) -> None:
        authorities = ssl.get_default_verify_paths().cafile or DEFAULT_CA_BUNDLE_PATH
        self._guard = Guard(allow_networks)
        self.network = Way(self._guard.permits, proxy)
        self._limits = Limits(connect_timeout, total_timeout, max_response, authorities, proxy)
        self._loop = Loop()
        self._heard = math.inf  # when we listened last, while something is in flight
        self._landed = math.inf  # when the last one did, while connections may be open
        self._spare: list[Exchange] = []
        self._sockets: dict[int, int] = {}
        self._flying: dict[str, Exchange] = {}
        self._by_handle: dict[pycurl.Curl, Exchange] = {}
        self._answers: list[Answer] = []

    @property
    def in_flight(self) -> int:
        """Requests whose answer was not handed out yet."""
        return len(self._flying) + len(self._answers)

    def submit(self, tag: str, request: requests.PreparedRequest, *, events: int = 1, once: bool = False) -> None:
        """Take ``request`` and return at once; ``wait`` sends it. ``tag`` must be unique among those in flight.

        The more ``events`` it carries, the longer an answer is read. ``once``: the receiver can't tell a repeat.
        """
        if tag in self._flying:
            raise ValueError(f"The tag {tag} is in flight already.")
        try:
            checked = outgoing.check(request)
            if self._limits.proxy:
                self._check_written(request)
        except outgoing.Unsendable as problem:
            failure = Failure(problem.code, str(problem), arrived=False)
            self._answers.append(Answer(tag, None, failure, Timing(0, 0)))
            return
        exchange = self._spare.pop() if self._spare else self._new_exchange()
        exchange.load(tag, request, checked, self._limits.max_response + (events - 1) * _FOR_EACH_MORE, once=once)
        if not self._flying:
            self._heard = time.monotonic()
        self._flying[tag] = exchange
        self._loop.add(exchange.handle)

    def wait(self, timeout: float, bell: Bell | None = None) -> list[Answer]:
        """Drive what is in flight for at most ``timeout`` seconds; return as soon as something has ended, or ``bell``
        rings.

        With nothing in flight it returns an empty list at once. Connections are closed when that was so for a while.
        """
        end, rang = time.monotonic() + timeout, False
        self._loop.listen(bell.descriptor() if bell and self._flying else None)
        while self._flying and not rang:
            ready = self._loop.sleep(0.0 if self._answers else max(end - time.monotonic(), 0.0))
            if time.monotonic() - self._heard > _DEAF:
                self._hear_first()
                ready = ()
            if self._loop.turn(ready) and bell:
                rang = bell.heard()
                self._loop.listen(bell.descriptor())
            self._take_finished()
            self._heard = time.monotonic()
            if self._answers or self._heard >= end:
                break
        if not self._flying:
            self._close_idle()
        answers, self._answers = self._answers, []
        return answers

    def _hear_first(self) -> None:
        """Read what came while nobody listened: libcurl asks first whether it is too late for that."""
        for seconds in ((_EVER, _EVER), (self._limits.connect_timeout, self._limits.total_timeout)):
            for exchange in self._flying.values():
                exchange.may_take(*seconds)
            self._loop.look()
        self._take_finished()

    def _take_finished(self) -> None:
        for handle, code, detail in list(self._loop.finished()):
            exchange = self._by_handle[handle]
            if exchange.found_dead:
                self._loop.remove(handle)
                exchange.anew()
                self._loop.add(handle)
                continue
            self._answers.append(exchange.finish(code, detail))
            self._land(exchange)

    def abandon(self, tag: str) -> None:
        """Drop a request: its connection is closed and no answer comes. A tag that is not in flight is ignored."""
        self._answers = [answer for answer in self._answers if answer.tag != tag]
        if tag in self._flying:
            self._land(self._flying[tag])

    def close(self) -> None:
        """Drop everything that is in flight and close every connection."""
        for exchange in list(self._flying.values()):
            self._land(exchange)
        for exchange in self._spare:
            exchange.handle.close()
        self._spare.clear()
        self._by_handle.clear()
        self._loop.close()

    def _check_written(self, request: requests.PreparedRequest) -> None:
        """A proxy looks names up, and connects, itself: what is written as an address is judged before.

        :raises outgoing.Unsendable: when the host is written as an address that is not permitted.
        """
        address = written_address(urlsplit(request.url or "").hostname or "")
        if address and not self._guard.permits(address):
            raise outgoing.Unsendable(failures.refused([address]).message, "ssrf_refused")

    def _close_idle(self) -> None:
        """Libcurl itself closes what it will not use again only when it opens another, which may never be."""
        if time.monotonic() - self._landed > IDLE_SECONDS:
            self._landed = math.inf
            self._loop.close()
            self._loop = Loop()

    def _new_exchange(self) -> Exchange:
        exchange = Exchange(self._guard, self._limits, self._sockets)
        self._by_handle[exchange.handle] = exchange
        return exchange

    def _land(self, exchange: Exchange) -> None:
        self._landed = time.monotonic()
        self._loop.remove(exchange.handle)
        self._spare.append(self._flying.pop(exchange.tag))
