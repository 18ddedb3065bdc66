"""Our deliver station: claims, maps, builds, sends, reads, and records every attempt, from one process."""

import resource
import threading
import time

from bench.installation import LOOPBACK, prepare
from bench.load.bodies import event
from bench.senders.order import Order, Sent
from ours import clock, processes
from ours.bootstrap import Ours
from ours.core.incoming import Incoming
from ours.settings import load

_CHUNK = 1000
_KIB = 1024


def run(order: Order, *, packing: bool = False) -> Sent:
    """The clock begins when the station stands: what it imports is no part of its rate.

    :param packing: to a destination that takes a hundred events a request.
    """
    environ = {"OURS_HOME": order.home, "OURS_ALLOW_NETWORKS": LOOPBACK, "OURS_LOG_LEVEL": "WARNING"}
    environ["OURS_PLUGINS_DIR"] = f"{order.home}/plugins"
    key = prepare(environ, [order.url], packing=packing)
    ours = Ours(load(environ))
    try:
        _fill(ours, key, order.count)
        station = ours.deliver
        processes.keep_memory()
        begun = time.monotonic()
        station.drain(threading.Event())
        seconds = time.monotonic() - begun
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KIB
        return Sent(count=ours.overview.balance().delivered, seconds=seconds, peak_mib=peak)
    finally:
        ours.close()


def _fill(ours: Ours, key: str, count: int) -> None:
    """Accept and route ``count`` events, so that each owes one delivery."""
    caller = ours.accept.authenticate(key)
    assert caller
    for first in range(0, count, _CHUNK):
        ours.accept.accept(caller, [_incoming(n) for n in range(first, min(first + _CHUNK, count))])
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
