"""The worker processes: one RQ queue each, no fork per job; and the scheduler, which needs no queue at all."""

import logging
import os
import signal
import threading
import time
from contextlib import closing, nullcontext, suppress
from types import FrameType
from typing import Any

from redis.exceptions import RedisError
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from ours import ids, lastwords, log, processes
from ours.bootstrap import Ours
from ours.errors import Busy
from ours.jobs import stations
from ours.jobs.orders import Order
from ours.settings import Settings

_logger = log.get("worker")
_seldom, _spell = log.Seldom(), log.Spell()
_SWEEP_SECONDS = 1.0
_STAND_IN_SECONDS = 3.0
_WATCH_SECONDS = 5.0
_TERM_SECONDS = 30.0
_TEND_SECONDS = 0.2


class StationWorker(SimpleWorker):
    """An RQ worker that tells the running job when it is to end, and comes back soon after a lost queue."""

    job_class = Order
    max_connection_wait_time = 2.0
    stop = threading.Event()

    def subscribe(self) -> None:
        """To no commands: nobody who can write to the queue is to end us, and no thread needs to wait there."""

    def handle_warm_shutdown_request(self) -> None:
        self.stop.set()


def run(settings: Settings, station: str) -> None:
    """Work at ``station`` (``route``, ``deliver`` or ``scheduler``) until SIGTERM."""
    log.configure(settings.log_level, settings.log_format)
    processes.allow_files()
    processes.keep_locks()  # before a plugin is imported
    ours = Ours(settings)
    known = processes.working(settings.home, settings.sealing_key_id) if ours.store.is_sqlite else nullcontext()
    with closing(ours), known:
        processes.keep_memory()
        _ = ours.registry  # in the main thread: in one beside it, nothing would end a plugin that hangs
        with lastwords.kept(settings.home, ours.deliver.holder) if station != "route" else nullcontext():
            if station == "scheduler":
                _schedule(ours)
            else:
                _work(ours, station)


def _work(ours: Ours, station: str) -> None:
    """Serve one queue. A queue that is away is waited for; the scheduler stands in meanwhile."""
    logging.getLogger("rq").setLevel(logging.CRITICAL)
    stop = StationWorker.stop
    stations.adopt(ours, stop)
    while not stop.is_set():
        _stop_on_signals(stop)
        if not ours.queue.poke(station):
            stop.wait(_SWEEP_SECONDS)
            continue
        name = f"{station}-{os.uname().nodename}-{os.getpid()}-{ids.new_id()[-8:]}"
        with suppress(RedisError):
            queues = [ours.queue.name_of(station)]
            worker = StationWorker(queues, name=name, connection=ours.queue.redis, serializer=JSONSerializer)
            worker.work(logging_level="CRITICAL")
        stop.wait(0.1)


def _schedule(ours: Ours) -> None:
    """Be the active scheduler, or stand by until the active one is gone."""
    stop, leads = threading.Event(), threading.Event()
    _stop_on_signals(stop)
    beside = [
        processes.lasting(_watch, "watch", ours, stop),
        processes.lasting(_alert, "alerts", ours, stop),
        processes.lasting(_forget, "retention", ours, stop, leads),
        processes.lasting(_tend, "tend", ours, stop),
    ]
    while not stop.is_set():
        if not _attempt(_lead, ours, stop, leads):
            stop.wait(_SWEEP_SECONDS)
    _attempt(ours.deliver.drain, stop)
    for thread in beside:
        thread.join(1.0)


def _watch(ours: Ours, stop: threading.Event) -> None:
    """Check conservation, and see to the days, beside the sweep: a large count takes its time."""
    while not stop.wait(_WATCH_SECONDS):
        _attempt(ours.conservation.tick)
        _attempt(ours.partitions.tick)


def _alert(ours: Ours, stop: threading.Event) -> None:
    """Tell alerts, beside all else: a slow mail server takes its time, and where nobody can write, all else waits."""
    while not stop.wait(_WATCH_SECONDS):
        _attempt(ours.alerts.run)


def _forget(ours: Ours, stop: threading.Event, leads: threading.Event) -> None:
    """Delete what is old enough, beside the sweep and for as long as it takes, while this process is the active one."""
    while not stop.wait(_SWEEP_SECONDS):
        if leads.is_set():
            _attempt(ours.retention.tick, stop)


def _tend(ours: Ours, stop: threading.Event) -> None:
    """See to SQLite's log beside all else, so that no writer has to."""
    while ours.store.is_sqlite and not stop.wait(_TEND_SECONDS):
        _attempt(ours.store.tend)


def _lead(ours: Ours, stop: threading.Event, leads: threading.Event) -> bool:
    """For a term, do what one process of the whole installation does; answers whether we were the one."""
    ours.store.vouch()  # who may not write is not to keep others from it
    with ours.store.alone("scheduler") as active:
        if active:
            leads.set()
        else:
            ours.sweep.stand_by()
        ends = time.monotonic() + _TERM_SECONDS
        while active and not stop.is_set() and time.monotonic() < ends:
            _do_duties(ours, stop)
        leads.clear()
    return active


def _do_duties(ours: Ours, stop: threading.Event) -> None:
    """Sweep every second; while the queue is away, do the stations' work here."""
    _attempt(ours.sweep.tick)
    _attempt(ours.paced_replays.tick)
    _attempt(ours.counting.tick)
    if ours.queue.reachable():
        _attempt(ours.sweep.poke)
        _attempt(ours.deliver.drain, stop, _SWEEP_SECONDS, claim=False)
        stop.wait(_SWEEP_SECONDS)
    else:
        _stand_in(ours, stop)


def _stand_in(ours: Ours, stop: threading.Event) -> None:
    """Do the stations' work for a while: the queue is away, and the rows are not."""
    ends = time.monotonic() + _STAND_IN_SECONDS
    while not stop.is_set() and (left := ends - time.monotonic()) > 0:
        _attempt(_route_all, ours, stop)
        _attempt(ours.deliver.drain, stop, left)
        stop.wait(0.05)


def _route_all(ours: Ours, stop: threading.Event) -> None:
    while not stop.is_set() and ours.route.run():
        pass


def _stop_on_signals(stop: threading.Event) -> None:
    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


def _attempt(work: Any, *args: Any, **options: Any) -> Any:
    """Run one duty; while the database is away that is said now and then, and each round tries again."""
    try:
        done = work(*args, **options)
    except Busy as error:
        if _spell.is_due(str(error)):
            _logger.warning("duty_postponed", error=str(error))
    except Exception as error:
        if times := _seldom.times(repr(error)):
            _logger.exception("duty_failed", times=times)
    else:
        if told := _spell.over():
            _logger.warning("duties_resumed", **told)
        return done
    return None
