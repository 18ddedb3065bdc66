"""Whether the web server may listen where the settings say, asked before anything begins."""

import errno
import socket
import time

from ours.errors import SettingsInvalid
from ours.settings import Settings


def check(settings: Settings, patience: float = 0.0) -> None:
    """Two web servers of one person could share a port, and each request would go to either of them.

    ``patience``: for how many seconds to wait for one that ends.

    :raises SettingsInvalid: when somebody listens there, or we may not.
    """
    ends = time.monotonic() + patience
    while error := _refusal(settings):
        if error.errno != errno.EADDRINUSE or time.monotonic() >= ends:
            raise SettingsInvalid(_problem(settings, error))
        time.sleep(0.1)


def _refusal(settings: Settings) -> OSError | None:
    try:
        with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.host, settings.port))
    except OSError as error:
        return error
    return None


def _problem(settings: Settings, error: OSError) -> dict[str, str]:
    if error.errno == errno.EADDRINUSE:
        said = f"Another program listens on port {settings.port}. End it, or choose another, such as"
        return {"OURS_PORT": f"{said} {settings.port % 65535 + 1}."}
    if error.errno == errno.EACCES:
        return {"OURS_PORT": f"Port {settings.port} is kept for root. Choose one from 1024 on."}
    said = f"Nobody can listen on {settings.host} here. Name an address of this machine:"
    return {"OURS_HOST": f"{said} 0.0.0.0 is all of IPv4's, :: is those and IPv6's."}
