"""Our route station by itself: `python -m bench.routing HOME COUNT` accepts events, routes them, prints the seconds."""

import sys
import time

from bench.installation import LOOPBACK, prepare
from bench.load.bodies import event
from ours import clock
from ours.bootstrap import Ours
from ours.settings import load
from ours.web.ingest.schemas import BATCH_ROW

NOBODY = "http://127.0.0.1:9/nobody"  # every event is owed to it; nothing here delivers
_CHUNK = 1000


def main(home: str, count: str) -> None:
    environ = {"OURS_HOME": home, "OURS_ALLOW_NETWORKS": LOOPBACK, "OURS_LOG_LEVEL": "WARNING"}
    environ["OURS_PLUGINS_DIR"] = f"{home}/plugins"
    key = prepare(environ, [NOBODY])
    ours = Ours(load(environ))
    try:
        _accept(ours, key, int(count))
        begun = time.monotonic()
        while ours.route.run():
            pass
        print(time.monotonic() - begun)
    finally:
        ours.close()


def _accept(ours: Ours, key: str, count: int) -> None:
    caller = ours.accept.authenticate(key)
    assert caller
    for first in range(0, count, _CHUNK):
        numbers = range(first, min(first + _CHUNK, count))
        ours.accept.accept(caller, [BATCH_ROW.incoming(event("route", n), clock.now_ms()) for n in numbers])


if __name__ == "__main__":
    main(*sys.argv[1:])
