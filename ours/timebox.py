"""Ends what a plugin does in our own thread when it does not end by itself, so that it holds up nobody else's work.

First by an exception out of a signal, which ends loops, waits and patterns alike. What never comes back to Python at
all (an endless loop in C) ends with the whole process: the kernel sees to that, and another process takes over.
Nor does it end us: ``os._exit``, which no ``except`` and no last word would survive, is a ``SystemExit`` meanwhile.
And it takes no signal and no timer from us, as in any thread but the main one: those are what all of this goes by.
"""

import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn, TypeVar

TICK = 1.0
"""Seconds between two looks at what is running."""
SECONDS = 5.0
"""So long may one call of a plugin take, give or take a tick."""
LAST_RESORT = 30.0
"""Seconds of computing after which the process ends, when it did not come back to Python in all that time."""
T = TypeVar("T")
_EXIT, _SIGNAL, _SET_TIMER = os._exit, signal.signal, signal.setitimer


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
    handle: int | None = None

    @classmethod
    def look(cls, _number: int, _frame: FrameType | None) -> None:
        _SET_TIMER(signal.ITIMER_VIRTUAL, LAST_RESORT)
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
    doors = [getattr(room, name) for room, name in _TAKEN]
    left, _ = _SET_TIMER(signal.ITIMER_REAL, 0)  # the timer never runs while nobody listens: that would end us
    before = _SIGNAL(signal.SIGALRM, _Watch.look)
    _SET_TIMER(signal.ITIMER_REAL, TICK, TICK)
    _say_where_it_ends()
    _SET_TIMER(signal.ITIMER_VIRTUAL, LAST_RESORT)
    around, _Watch.thread, _Watch.process = _Watch.thread, threading.get_ident(), os.getpid()
    _put(_INSTEAD)
    try:
        yield
    finally:
        _put(doors)
        _Watch.thread = around
        _SET_TIMER(signal.ITIMER_REAL, 0)
        _SIGNAL(signal.SIGALRM, before)
        _SET_TIMER(signal.ITIMER_VIRTUAL, 0)  # when nobody looks any more, who would set it again
        _SET_TIMER(signal.ITIMER_REAL, left)


def limited(call: Callable[[], T]) -> T:
    """What ``call`` gives. It costs about a microsecond.

    :raises TooLong: when it does not end within ``SECONDS``.
    """
    if threading.get_ident() != _Watch.thread:
        return in_one_process(call)
    _Watch.call += 1
    _Watch.running = True
    try:
        try:
            return in_one_process(call)
        finally:
            _Watch.running = False
    except TooLong:  # it may have come just when the call ended
        _Watch.running = False
        raise


def in_one_process(call: Callable[[], T]) -> T:
    """What ``call`` gives. A child that it forked ends where the call does: our work is its parent's alone.

    To whoever waits for it, one that raised has failed.
    """
    process, failed = os.getpid(), True
    try:
        given = call()
        failed = False
    finally:
        if os.getpid() != process:
            _EXIT(int(failed))
    return given


def limited_anywhere(call: Callable[[], T], who: object) -> T:
    """The same where no signal comes: in a thread of its own, which is left alone when it does not end.

    ``who`` is not asked again before it did: each time would leave one more.

    :raises TooLong: as ``limited`` does.
    """
    if threading.get_ident() == _Watch.thread:
        return limited(call)
    if (left := _left.get(who)) and left.is_alive():
        raise TooLong
    said: Future[T] = Future()
    thread = threading.Thread(target=_answer, args=(said, call), daemon=True)
    thread.start()
    if not wait([said], SECONDS).done:
        _left[who] = thread
        raise TooLong
    return said.result()


_left: dict[object, threading.Thread] = {}


def _answer(said: Future[T], call: Callable[[], T]) -> None:
    try:
        said.set_result(in_one_process(call))
    except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
        said.set_exception(error)


def _is_a_plugin() -> bool:
    """Whether one asks, in any thread. A child that it forked may do as it likes, and so may we."""
    ours = threading.get_ident() == _Watch.thread and not _Watch.running
    return os.getpid() == _Watch.process and not ours


def _exit(status: int) -> NoReturn:
    """What ``os._exit`` is to a plugin."""
    if _is_a_plugin():
        raise SystemExit(status)
    _EXIT(status)


def _refusing(real: Callable[..., Any]) -> Callable[..., Any]:
    """What ``real``, of ``signal``, is to a plugin."""

    def refuse(*given: Any, **named: Any) -> Any:
        if _Watch.thread and _is_a_plugin():
            raise ValueError(f"signal.{real.__name__} is not for plugins: signals and timers are the whole process's")
        return real(*given, **named)

    return refuse


_TAKEN: tuple[tuple[Any, str], ...] = ((os, "_exit"), (signal, "signal"), (signal, "alarm"), (signal, "setitimer"))
_INSTEAD = (_exit, _refusing(signal.signal), _refusing(signal.alarm), _refusing(signal.setitimer))


def _put(doors: Sequence[Callable[..., Any]]) -> None:
    for (room, name), door in zip(_TAKEN, doors, strict=True):
        setattr(room, name, door)


def say_in(handle: int | None) -> None:
    """Have the last words of a process that is ended so written to this file; None: to stderr."""
    _Watch.handle = handle


def _say_where_it_ends() -> None:
    """The functions that it was in, and no values."""
    where = sys.__stderr__ if _Watch.handle is None else _Watch.handle
    if where is not None:
        with suppress(ValueError, OSError):  # it is closed, or no file
            faulthandler.register(signal.SIGVTALRM, file=where, all_threads=True, chain=True)
