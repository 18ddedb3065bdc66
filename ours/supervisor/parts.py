"""What ``ours serve`` is made of, imported once for all of it; and the order in which it begins."""

from contextlib import closing

from ours import log, processes
from ours.bootstrap import Ours
from ours.jobs import worker
from ours.settings import Settings
from ours.supervisor import valkey, welcome
from ours.supervisor.family import Family
from ours.web import serve as web

_logger = log.get("supervisor")
_START_SECONDS = 15.0


def prepare(settings: Settings) -> welcome.Greeting | None:
    """Migrate, and on the first start make somebody to sign in and something to send with."""
    with closing(Ours(settings)) as ours:
        ours.store.hurry(lambda said: _logger.warning("turn_kept", said=said))
        ours.prepare()
        processes.keep_locks()  # a plugin may fork while it is imported
        _ = ours.store.lookup, ours.registry, ours.route, ours.deliver, ours.sweep  # imported once, for all children
        processes.share_locks()
        return welcome.first_start(ours)


def start(settings: Settings, family: Family) -> bool:
    """Start the children; answers whether the web server took requests soon enough."""
    family.add("web", lambda: web.run(settings))
    if settings.embedded_queue:
        family.until(lambda: valkey.answers(settings), _START_SECONDS)
    family.add("route", lambda: worker.run(settings, "route"))
    for number in range(settings.deliver_workers):
        family.add(f"deliver-{number + 1}", lambda: worker.run(settings, "deliver"))
    family.add("scheduler", lambda: worker.run(settings, "scheduler"))
    return family.until(lambda: web.answers(settings), _START_SECONDS)
