"""The RQ jobs, one a station. Each drains what waits, lingers to be woken, and makes room after half a minute."""

import errno
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError

from ours import log
from ours.bootstrap import Ours
from ours.errors import Busy

_logger = log.get("jobs")
_spell = log.Spell()
_JOB_LIFE = 30.0
_LINGER = 1.0
_stop = threading.Event()
_process: list[Ours] = []


def adopt(ours: Ours, stop: threading.Event) -> None:
    """Give the jobs of this process their installation and the flag that ends them."""
    global _stop
    _stop = stop
    _process[:] = [ours]


def route() -> None:
    """Route accepted events until none waits."""
    ours = _process[0]

    def work(_seconds: float) -> None:
        while not _stop.is_set() and ours.route.run():
            ours.queue.poke("deliver")

    with _told("route"):
        _drain("route", work)


def deliver() -> None:
    """Deliver due dispatches until none is due."""
    station, bell = _process[0].deliver, _process[0].queue.bell("deliver")
    with _told("deliver"):
        try:
            _drain("deliver", lambda seconds: station.drain(_stop, seconds, bell=bell))
        except RedisError:
            station.drain(_stop, claim=False)  # whoever stands in for us claims; what we have in hand is ours to end
            raise


@contextmanager
def _told(station: str) -> Iterator[None]:
    """RQ's log is silent, so what a job ends with is said here; a traceback that RQ met, it would keep in Redis.

    After a bug we rest: the next job may well meet it. Where a plugin closed a file of ours, every job would: only a
    new process has it open.
    """
    try:
        yield
    except RedisError:  # whoever pokes says it
        raise
    except Busy as error:
        _say_interrupted(station, error)
    except (Exception, SystemExit) as error:
        _logger.exception("station_failed", station=station)
        if isinstance(error, OSError) and error.errno == errno.EBADF:
            os.kill(os.getpid(), signal.SIGTERM)
        _stop.wait(_LINGER)


def _drain(station: str, work: Callable[[float], None]) -> None:
    queue = _process[0].queue
    ends = time.monotonic() + _JOB_LIFE
    try:
        while not _stop.is_set() and (left := ends - time.monotonic()) > 0:
            work(left)
            if told := _spell.over():
                _logger.warning("station_resumed", station=station, **told)
            queue.bell(station).wait(_LINGER)
    except Busy as error:
        _say_interrupted(station, error)
        _stop.wait(_LINGER)
    if _stop.is_set():
        work(0)
    else:
        queue.poke(station)


def _say_interrupted(station: str, error: Busy) -> None:
    if _spell.is_due(str(error)):
        _logger.warning("station_interrupted", station=station, error=str(error))
