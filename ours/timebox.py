"""Ends what a plugin does in our own thread when it does not end by itself, so that it holds up nobody else's work.

First by an exception out of a signal, which ends loops, waits and patterns alike. What never comes back to Python at
all (an endless loop in C) ends with the whole process: the kernel sees to that, and another process takes over.
Nor does it end us: ``os._exit``, which no ``except`` and no last word would survive, is a ``SystemExit`` meanwhile.
"""

import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn, TypeVar

TICK = 1.0
"""Seconds between two looks at what is running."""
SECONDS = 5.0
"""So long may one call of a plugin take, give or take a tick."""
LAST_RESORT = 30.0
"""Seconds of computing after which the process ends, when it did not come back to Python in all that time."""
T = TypeVar("T")


class TooLong(BaseException):
    """The call did not end in time. No ``Exception``, so that no plugin swallows it unawares; if so, it comes again."""


class _Watch:
    """``call`` is the number of the latest call, ``running`` whether it runs; ``seen`` what the last look saw.

    ``thread`` is the one that is looked after, when there is one, and ``process`` is ours: a plugin may have forked.
    """

    thread = 0
    process = 0
    call = 0
    running = False
    seen = 0
    looks = 0

    @classmethod
    def look(cls, _number: int, _frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_VIRTUAL, LAST_RESORT)
        if not cls.running or cls.seen != cls.call:
            cls.seen, cls.looks = cls.call, 0
            return
        cls.looks += 1
        if cls.looks * TICK >= SECONDS:
            raise TooLong


@contextmanager
def armed() -> Iterator[None]:
    """In here, ``limited`` has teeth; in any but the main thread it has none. Inside of another it changes nothing."""
    if threading.current_thread() is not threading.main_thread() or threading.get_ident() == _Watch.thread:
        yield
        return
    left, _ = signal.setitimer(signal.ITIMER_REAL, 0)  # the timer never runs while nobody listens: that would end us
    before = signal.signal(signal.SIGALRM, _Watch.look)
    signal.setitimer(signal.ITIMER_REAL, TICK, TICK)
    _say_where_it_ends()
    signal.setitimer(signal.ITIMER_VIRTUAL, LAST_RESORT)
    around, _Watch.thread, _Watch.process = _Watch.thread, threading.get_ident(), os.getpid()
    leave, os._exit = os._exit, _exit
    try:
        yield
    finally:
        os._exit = leave
        _Watch.thread = around
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, left)


def limited(call: Callable[[], T]) -> T:
    """What ``call`` gives. It costs about a microsecond.

    :raises TooLong: when it does not end within ``SECONDS``.
    """
    if threading.get_ident() != _Watch.thread:
        return call()
    _Watch.call += 1
    _Watch.running = True
    try:
        try:
            return call()
        finally:
            _Watch.running = False
    except TooLong:  # it may have come just when the call ended
        _Watch.running = False
        raise


_EXIT = os._exit


def _exit(status: int) -> NoReturn:
    """What ``os._exit`` is to a plugin, in any thread. A child that it forked may end as it likes, and so may we."""
    ours = threading.get_ident() == _Watch.thread and not _Watch.running
    if os.getpid() == _Watch.process and not ours:
        raise SystemExit(status)
    _EXIT(status)


def _say_where_it_ends() -> None:
    """The last words of a process that is ended so: the functions that it was in, and no values."""
    if sys.__stderr__ is not None:
        with suppress(ValueError, OSError):  # it is closed, or no file
            faulthandler.register(signal.SIGVTALRM, file=sys.__stderr__, all_threads=False, chain=True)
