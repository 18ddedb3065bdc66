"""``ours serve``: everything on one machine, in one process tree that starts, mends and ends together."""

import gc
import signal
from types import FrameType
from typing import IO

from ours import log, processes
from ours.settings import Settings
from ours.supervisor import port, valkey
from ours.supervisor.family import Family


def serve(settings: Settings) -> None:
    """Run until SIGTERM or Ctrl-C; then all children end within five seconds.

    :raises AlreadyRunning: when another ``ours serve`` has the same data folder.
    :raises SettingsInvalid: when nobody can listen where the settings say.
    """
    log.configure(settings.log_level, settings.log_format)
    with _alone(settings), Family() as family:
        port.check(settings)
        if settings.embedded_queue:
            family.add("valkey", lambda: valkey.run(settings))  # which starts while the rest is imported
        gc.disable()  # imports leave next to no garbage, and looking for it takes a sixth of their time
        from ours.supervisor import parts, welcome

        greeting = parts.prepare(settings)
        gc.freeze()  # what is imported by now is shared by the children, untouched
        gc.enable()
        _stop_on_signals(family)
        up = parts.start(settings, family)
        welcome.say(settings, greeting, up=up)
        family.mind()


def _alone(settings: Settings) -> IO[bytes]:
    return processes.exclusive(settings.home / "serve.lock", "`ours serve`", settings.sealing_key_id)


def _stop_on_signals(family: Family) -> None:
    def end(_signal: int, _frame: FrameType | None) -> None:
        family.stop()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
