"""Our deliver station: claims, maps, builds, sends, reads, and records every attempt, from one process."""

import resource
import threading
import time
from contextlib import closing

from bench.installation import LOOPBACK, prepare
from bench.load.bodies import event
from bench.senders.order import Order, Sent
from ours import clock, lastwords, processes
from ours.bootstrap import Ours
from ours.core.incoming import Incoming
from ours.settings import load

_CHUNK = 1000
_EARLY = 1
_KIB = 1024


def run(order: Order, *, packing: bool = False) -> Sent:
    """The clock begins when the station stands and has sent one: what it imports, opens and compiles is no part of its
    rate. The others have opened their settings, too, when theirs begins.

    :param packing: to a destination that takes a hundred events a request.
    """
    environ = {"OURS_HOME": order.home, "OURS_ALLOW_NETWORKS": LOOPBACK, "OURS_LOG_LEVEL": "WARNING"}
    environ["OURS_PLUGINS_DIR"] = f"{order.home}/plugins"
    key = prepare(environ, [order.url], packing=packing)
    with closing(Ours(load(environ))) as ours, lastwords.kept(ours.settings.home, ours.deliver.holder):
        station = ours.deliver
        _fill(ours, key, range(_EARLY))
        station.drain(threading.Event())
        _fill(ours, key, range(_EARLY, order.count))
        processes.keep_memory()
        begun = time.monotonic()
        station.drain(threading.Event())
        seconds = time.monotonic() - begun
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KIB
        return Sent(count=ours.overview.balance().delivered, seconds=seconds, peak_mib=peak, early=_EARLY)


def _fill(ours: Ours, key: str, numbers: range) -> None:
    """Accept and route an event for each of ``numbers``, so that it owes one delivery."""
    caller = ours.accept.authenticate(key)
    assert caller
    for first in range(0, len(numbers), _CHUNK):
        ours.accept.accept(caller, [_incoming(number) for number in numbers[first : first + _CHUNK]])
    while ours.route.run():
        pass


def _incoming(number: int) -> Incoming:
    body = event("drain", number)
    return Incoming(
        name=body["event"],
        occurred_at=clock.now_ms(),
        distinct_id=body["distinctId"],
        user_id=body["userId"],
        event_properties=body["eventProperties"],
    )
