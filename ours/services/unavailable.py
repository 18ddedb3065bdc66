"""The requests of backends that were answered 503: counted in this process, and told in its log.

Not in rows as all else is: the database may be what is away.
"""

import threading
from collections import Counter
from collections.abc import Mapping

from ours import log
from ours.errors import Busy

_logger = log.get("accept")
REASONS = ("backlog", "clock", "database", "disk", "waiting")
"""What a ``Busy`` may name: too many events are unrouted, the clock is certainly wrong, the database can't be used, the
disk is nearly full, or more events wait for the database than can be kept in memory."""
_EVERY = 10.0


class Unavailable:
    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._untold: Counter[str] = Counter()
        self._error = ""
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def counts(self) -> Mapping[str, int]:
        """Requests since this process began, by reason; every reason is there."""
        with self._lock:
            return {reason: self._counts[reason] for reason in REASONS}

    def note(self, error: Busy) -> None:
        """One more. The first is a line in the log at once; what follows is told together, every ten seconds."""
        with self._lock:
            self._counts[error.reason] += 1
            self._untold[error.reason] += 1
            self._error = str(error)
            if self._timer is None:
                self._tell()

    def close(self) -> None:
        """Tell what is not told yet."""
        with self._lock:
            if self._timer:
                self._timer.cancel()
            self._say()

    def _tell(self) -> None:
        """Say what there is, and come back as long as there is something."""
        self._timer = threading.Timer(_EVERY, self._again) if self._untold else None
        if self._timer:
            self._timer.daemon = True
            self._timer.start()
            self._say()

    def _again(self) -> None:
        with self._lock:
            self._tell()

    def _say(self) -> None:
        if self._untold:
            requests, reason = self._untold.total(), ", ".join(sorted(self._untold))
            _logger.warning("answered_503", requests=requests, reason=reason, error=self._error)
            self._untold.clear()
