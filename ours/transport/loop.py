"""Drives libcurl's sockets from one thread: sleeps until one of them is ready or a timer is due, and no longer."""

import select
import time
from collections.abc import Iterator, Sequence

import pycurl

_EVENTS = {
    pycurl.POLL_IN: select.POLLIN,
    pycurl.POLL_OUT: select.POLLOUT,
    pycurl.POLL_INOUT: select.POLLIN | select.POLLOUT,
}
_IDLE_CONNECTIONS = 512


class Loop:
    """``poll`` rather than ``epoll``: sockets come and go with every request, which costs it no system call."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._due: float | None = None
        self._bell: int | None = None
        self._watched: set[int] = set()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._multi.setopt(pycurl.M_MAXCONNECTS, _IDLE_CONNECTIONS)
        self.add = self._multi.add_handle
        self.remove = self._multi.remove_handle
        self.close = self._multi.close

    def listen(self, bell: int | None) -> None:
        """Have ``sleep`` end, too, when this descriptor can be read; None ends that."""
        if bell != self._bell:
            if self._bell is not None:
                self._poll.unregister(self._bell)
            if bell is not None:
                self._poll.register(bell, select.POLLIN)
            self._bell = bell

    def sleep(self, timeout: float) -> Sequence[tuple[int, int]]:
        """Until a socket is ready or a timer is due, for ``timeout`` seconds at most; what ``turn`` is to be given."""
        if self._due is not None:
            timeout = min(timeout, max(self._due - time.monotonic(), 0.0))
        return self._poll.poll(timeout * 1000)

    def turn(self, ready: Sequence[tuple[int, int]]) -> bool:
        """Let every socket that is ready make progress, and what is overdue end. Whether the bell rang."""
        rang = False
        for descriptor, events in ready:
            if descriptor == self._bell:
                rang = True
                continue
            ready_to_write = pycurl.CSELECT_OUT if events & select.POLLOUT else 0
            ready_to_read = pycurl.CSELECT_IN if events & ~select.POLLOUT else 0
            self._multi.socket_action(descriptor, ready_to_read | ready_to_write)
        if self._due is not None and time.monotonic() >= self._due:
            self._due = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        return rang

    def look(self) -> None:
        """Let every socket make progress, ready or not, and what is overdue end."""
        for descriptor in tuple(self._watched):
            self._multi.socket_action(descriptor, 0)

    def finished(self) -> Iterator[tuple[pycurl.Curl, int, str]]:
        """Handles that are done, each with libcurl's result (0 is success) and what libcurl says of it."""
        _, succeeded, failed = self._multi.info_read()
        for handle in succeeded:
            yield handle, 0, ""
        yield from failed

    def _watch(self, wanted: int, descriptor: int, _multi: object, _kept: object) -> None:
        if wanted == pycurl.POLL_REMOVE:
            self._poll.unregister(descriptor)
            self._watched.discard(descriptor)
        else:
            self._poll.register(descriptor, _EVENTS[wanted])
            self._watched.add(descriptor)

    def _set_timer(self, milliseconds: int) -> None:
        self._due = None if milliseconds < 0 else time.monotonic() + milliseconds / 1000
