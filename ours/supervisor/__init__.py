"""``ours serve``: everything on one machine, in one process tree that starts, mends and ends together."""

import gc
import signal
from types import FrameType

from ours import log, processes
from ours.bootstrap import Ours
from ours.settings import Settings
from ours.supervisor import valkey, welcome
from ours.supervisor.family import Family

_START_SECONDS = 15.0


def serve(settings: Settings) -> None:
    """Run until SIGTERM or Ctrl-C; then all children end within five seconds.

    :raises AlreadyRunning: when another ``ours serve`` has the same data folder.
    """
    from ours.jobs import worker
    from ours.web import serve as web

    lock = processes.exclusive(settings.home / "serve.lock", "`ours serve`")
    log.configure(settings.log_level, settings.log_format)
    greeting = _prepare(settings)
    family = Family()
    _stop_on_signals(family)
    if settings.embedded_queue:
        family.add("valkey", lambda: valkey.run(settings))
        family.until(lambda: valkey.answers(settings), _START_SECONDS)
    family.add("web", lambda: web.run(settings))
    family.add("route", lambda: worker.run(settings, "route"))
    for number in range(settings.deliver_workers):
        family.add(f"deliver-{number + 1}", lambda: worker.run(settings, "deliver"))
    family.add("scheduler", lambda: worker.run(settings, "scheduler"))
    family.until(lambda: web.answers(settings), _START_SECONDS)
    welcome.say(settings, greeting)
    family.mind()
    lock.close()


def _prepare(settings: Settings) -> welcome.Greeting | None:
    """Migrate, and on the first start make somebody to sign in and something to send with."""
    ours = Ours(settings)
    try:
        ours.prepare()
        greeting = welcome.first_start(ours)
        _ = ours.store.lookup, ours.registry, ours.route, ours.deliver, ours.sweep  # imported once, for all children
    finally:
        ours.close()
    gc.collect()
    gc.freeze()  # what is imported by now is shared by the children, untouched
    return greeting


def _stop_on_signals(family: Family) -> None:
    def end(_signal: int, _frame: FrameType | None) -> None:
        family.stop()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
