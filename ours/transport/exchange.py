"""One libcurl handle and what the request in it has brought so far. It serves one request after another."""

import socket
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pycurl
import requests

import ours
from ours import processes
from ours.core.answer import Answer, Failure, Timing
from ours.transport import closing, failures
from ours.transport.answers import CappedResponse
from ours.transport.guard import Guard
from ours.transport.outgoing import Outgoing

IDLE_SECONDS = 30  # a connection that was idle for longer is not used again: the other side may have forgotten it
_LIFETIME_SECONDS = 300  # then its host's name is looked up anew, which may lead elsewhere by then
_IDLE_SECONDS_OF_ONCE = 1  # receivers close what rests, and what they close at this very moment is not sent again
# All else that fails before sending may do so for want of a file: a name's look-up, the check of a certificate.
_SAYS_OF_THEM = {pycurl.E_COULDNT_CONNECT, pycurl.E_OPERATION_TIMEDOUT}


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds until the connection stands and until all is over; bytes of a body that are read; the way out."""

    connect_timeout: float
    total_timeout: float
    max_response: int
    authorities: str
    proxy: str = ""


class Exchange:
    """``sockets``: by its port on this side, the descriptor of each connection of the transport. ``found_dead``:
    nothing was sent, for the other side had closed the connection that was to be used again.

    Libcurl calls ``_open``, ``_before_sending`` and ``_write``; what they return makes it go on or give up."""

    def __init__(self, guard: Guard, limits: Limits, sockets: dict[int, int]) -> None:
        self.tag = ""
        self._sockets = sockets
        self._opened: list[int] = []
        self.found_dead = False
        self._guard = guard
        self._kind: tuple[str, str, bool] | None = None
        self._by_proxy = bool(limits.proxy)  # then the address is the proxy's, which the operator chose
        self._lines: list[bytes] = []
        self._chunks: list[bytes] = []
        self._refused: list[str] = []
        self.handle = pycurl.Curl()
        for option, value in self._fixed_options(limits):
            self.handle.setopt(option, value)
        self.may_take(limits.connect_timeout, limits.total_timeout)

    def load(
        self, tag: str, request: requests.PreparedRequest, outgoing: Outgoing, room: int, *, once: bool = False
    ) -> None:
        """Make the handle ready to send ``outgoing``, which is ``request`` as libcurl takes it.

        ``room``: so many bytes of the answer's body are read. ``once``: it is not sent again on another connection.
        """
        self.tag, self._request, self._room, self._once = tag, request, room, once
        self._lines.clear()
        self._chunks.clear()
        self._refused.clear()
        self._begin()
        setopt = self.handle.setopt
        setopt(pycurl.FRESH_CONNECT, 0)
        kind = (outgoing.method, outgoing.url, outgoing.body is None)
        if kind != self._kind:  # else it is all as the request before left it
            self._kind = kind
            setopt(pycurl.HTTPGET, 1)  # takes back NOBODY and the body of the request before
            setopt(pycurl.URL, outgoing.url)
            setopt(pycurl.CUSTOMREQUEST, outgoing.method)
            if outgoing.method == "HEAD":
                setopt(pycurl.NOBODY, 1)
        setopt(pycurl.MAXAGE_CONN, _IDLE_SECONDS_OF_ONCE if once else IDLE_SECONDS)
        setopt(pycurl.HTTPHEADER, outgoing.headers)
        if outgoing.body is not None:
            setopt(pycurl.POSTFIELDS, outgoing.body)

    def _begin(self) -> None:
        self._opened.clear()
        self._body_bytes = self._sendings = 0
        self._truncated = self._starved = self.found_dead = False

    def anew(self) -> None:
        """Make the handle ready to send the same on a connection that nobody has used."""
        self._begin()
        self.handle.setopt(pycurl.FRESH_CONNECT, 1)

    def may_take(self, connecting: float, all_of_it: float) -> None:
        """Seconds since it was submitted."""
        self.handle.setopt(pycurl.CONNECTTIMEOUT_MS, round(connecting * 1000))
        self.handle.setopt(pycurl.TIMEOUT_MS, round(all_of_it * 1000))

    def finish(self, code: int, detail: str) -> Answer:
        """The answer, now that libcurl is done with result ``code`` (0 is success)."""
        seconds = self.handle.getinfo(pycurl.TOTAL_TIME)
        timing = Timing(round(self.handle.getinfo(pycurl.PRETRANSFER_TIME) * 1000), round(seconds * 1000))
        if code and not self._truncated:
            return Answer(self.tag, None, self._failure(code, detail), timing)
        return Answer(self.tag, self._response(seconds), None, timing)

    def _response(self, seconds: float) -> CappedResponse:
        response = CappedResponse(self._lines, b"".join(self._chunks), truncated=self._truncated)
        response.status_code = self.handle.getinfo(pycurl.RESPONSE_CODE)
        response.url = self._request.url or ""
        response.request = self._request
        response.elapsed = timedelta(seconds=seconds)
        return response

    def _failure(self, code: int, detail: str) -> Failure:
        # Counts over libcurl's own second try too, so what was sent on a lost connection is never forgotten.
        if self.handle.getinfo(pycurl.REQUEST_SIZE):
            if code == pycurl.E_ABORTED_BY_CALLBACK:
                detail = "the connection had been used before" if self._once else "sent twice, over such connections"
            return failures.after_sending(code, detail, self._lines)
        if self._refused and not self._opened:
            return failures.refused(self._refused)
        if self._starved or (code not in _SAYS_OF_THEM and processes.is_out_of_files()):
            return failures.out_of_files()
        if self._by_proxy:
            return failures.before_the_proxy(code, detail, self.handle.getinfo(pycurl.HTTP_CONNECTCODE))
        return failures.before_sending(code, detail)

    def _open(self, _purpose: int, address: Any) -> int:
        """Open a socket for the very address that libcurl is about to connect to, if the guard permits it."""
        host = address.addr[0]
        if not self._by_proxy and not self._guard.permits(host):
            self._refused.append(host)
            return pycurl.SOCKET_BAD
        try:
            self._opened.append(socket.socket(address.family, address.socktype, address.protocol).detach())
        except OSError as error:  # libcurl reports that it could not connect
            self._opened.append(-1)
            self._starved = error.errno in processes.NO_FILE_LEFT
            return pycurl.SOCKET_BAD
        return self._opened[-1]

    def _before_sending(self, _to: str, _from: str, _port: int, port: int) -> int:
        """Libcurl sends again, up to five times, when connections used before turn out to be dead. Once is enough; and
        where the receiver can't tell a repeat, that is for somebody else to decide, for it may have been taken.

        Libcurl looks but once a second which of those at rest the other side has closed; we look at this one now.
        """
        self._lines.clear()  # what a proxy said is no part of the answer
        if self._opened:
            self._sockets.update((port, one) for one in self._opened if closing.port_of(one) == port)
        elif self._once and not self._sendings and closing.is_closed(self._sockets.get(port, -1), port):
            self.found_dead = True
            return pycurl.PREREQFUNC_ABORT
        self._sendings += 1
        return pycurl.PREREQFUNC_OK if self._sendings <= (1 if self._once else 2) else pycurl.PREREQFUNC_ABORT

    def _write(self, chunk: bytes) -> int | None:
        left = self._room - self._body_bytes
        self._body_bytes += len(chunk)
        self._truncated = len(chunk) > left
        self._chunks.append(chunk[:left])
        return 0 if self._truncated else None

    def _fixed_options(self, limits: Limits) -> list[tuple[int, Any]]:
        return [
            (pycurl.NOSIGNAL, 1),
            (pycurl.PROXY, limits.proxy),  # never the environment's: it would hide the real address from the guard
            (pycurl.NOPROXY, ""),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.PATH_AS_IS, 1),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.USERAGENT, f"ours/{ours.__version__}"),
            (pycurl.SSL_VERIFYPEER, 1),
            (pycurl.SSL_VERIFYHOST, 2),
            (pycurl.CAINFO, limits.authorities),
            (pycurl.MAXLIFETIME_CONN, _LIFETIME_SECONDS),
            (pycurl.OPENSOCKETFUNCTION, self._open),
            (pycurl.PREREQFUNCTION, self._before_sending),
            (pycurl.HEADERFUNCTION, self._lines.append),  # libcurl itself caps them, at 300 KiB
            (pycurl.WRITEFUNCTION, self._write),
        ]
