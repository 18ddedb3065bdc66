"""Tries what strangers wrote in a child first: what crashes there, or never comes back, ends nobody else.

In our own process nothing could stop that. So whatever is refused there need not, and must not, be tried in here.
"""

import json
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from ours import lastwords, log, processes, timebox
from ours.registry.child import Child
from ours.registry.finding import Candidate
from ours.registry.trial import Refusal, attempt

_MORE = 5.0
"""Seconds that a trial may take beyond those of one call, which end it in there, with a better reason."""
_MOMENT = 0.1
_logger = log.get("registry")


def refused(candidates: Sequence[Candidate]) -> dict[Candidate, list[Refusal]]:
    """Those of which nothing can be admitted, and why.

    Where this process has other threads, nobody is tried: what they hold locked would stay locked in the child.
    """
    found: dict[Candidate, list[Refusal]] = {}
    left = deque(candidates)
    try:
        while left and processes.has_one_thread():
            with Child(partial(_try_all, tuple(left))) as child:
                while left:
                    candidate = left.popleft()
                    if refusals := _report(child, candidate):
                        found[candidate] = refusals
                        break  # who knows what it left behind in there
    except OSError as error:  # no process or no file to be had
        _logger.warning("plugins_not_tried_apart", error=str(error))
    return found


def _report(child: Child, candidate: Candidate) -> list[Refusal]:
    """The refusals of the one that is next; none when something of it can be admitted."""
    report, wrong = child.report(timebox.SECONDS + _MORE)
    said = child.said()
    if wrong:
        crash = lastwords.read(said)
        place = crash and lastwords.place_in(crash.frames, Path(candidate.where).absolute())
        refusals = [Refusal(candidate.name, f"{wrong} while it was tried{f' ({place})' if place else ''}.")]
    else:
        refusals = [Refusal(*one) for one in json.loads(report)]
    if refusals:
        with suppress(OSError, ValueError):
            sys.stderr.write(lastwords.before(said))
    return refusals


def _try_all(candidates: Iterable[Candidate], reports: Connection) -> None:
    for candidate in candidates:
        threads = threading.active_count()
        admitted, refusals = attempt(candidate)
        if threading.active_count() > threads:
            time.sleep(_MOMENT)  # so that our parent sees whether they become more and more
        try:
            reports.send_bytes(json.dumps([] if admitted else refusals).encode())
        except OSError:  # it closed that, and our parent will say so
            signal.pause()
