"""A real Valkey, which may be killed."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from ours.settings import Settings
from ours.supervisor import valkey
from tests.whole.conftest import until


@contextmanager
def running(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """Where ``settings`` look for it."""
    words = [
        valkey.find(),
        "--port",
        "0",
        "--unixsocket",
        str(settings.queue_socket),
        "--save",
        "",
        "--daemonize",
        "no",
    ]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as process:
        try:
            until(lambda: valkey.answers(settings), 10)
            yield process
        finally:
            process.kill()
