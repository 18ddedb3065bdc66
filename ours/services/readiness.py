"""Whether an event could be made durable just now: known before one is taken, and told to who asks after our health."""

import shutil
import threading
import time

from ours.errors import Busy
from ours.settings import Settings
from ours.store import Store
from ours.store.queries import events, server

_GAUGE_FRESH = 1.0
_TRIAL_FRESH = 1.0
_GAUGE_SHARE = 20  # to count a long backlog takes its time: no more than a twentieth of it
_MB = 1024 * 1024


class Gauge:
    """Says no before it hurts: a wrong clock, too long a backlog, too little disk.

    It looks each second, or less often if that is dear.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._due = 0.0
        self._refusal: tuple[str, str] | None = None
        self._lock = threading.Lock()

    def check(self) -> None:
        begun = time.monotonic()
        if begun >= self._due and self._lock.acquire(blocking=False):
            try:
                self._refusal = self._look()
                now = time.monotonic()
                self._due = now + max(_GAUGE_FRESH, (now - begun) * _GAUGE_SHARE)
            finally:
                self._lock.release()
        if self._refusal:
            reason, words = self._refusal
            raise Busy(words, retry_after=5, reason=reason)

    def _look(self) -> tuple[str, str] | None:
        self._store.check_clock()
        if shutil.disk_usage(self._settings.home).free < self._settings.min_free_mb * _MB:
            return "disk", "The disk is nearly full. Make room, or lower OURS_MIN_FREE_MB."
        with self._store.read() as connection:
            if events.count_unrouted(connection) >= self._settings.max_backlog:
                return "backlog", "Too many events wait to be routed. Check that the route worker runs."
        return None


class Trial:
    """Whether the database takes writes: after a failure, and at first, one is tried, each second at most."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._error: str | None = "Nothing was written yet."
        self._due = 0.0
        self._lock = threading.Lock()

    def failed(self, error: Busy) -> None:
        """An event could not be stored."""
        self._error, self._due = error.sentence, time.monotonic() + _TRIAL_FRESH

    def check(self) -> None:
        """:raises Busy: when it does not, or can't be reached."""
        if not self._store.is_sqlite:
            with self._store.read() as connection:
                if server.is_read_only(connection):
                    raise Busy("The database is read-only just now.")
        if self._error and time.monotonic() >= self._due and self._lock.acquire(blocking=False):
            try:
                self._try()
            finally:
                self._lock.release()
        if self._error:
            raise Busy(self._error)

    def _try(self) -> None:
        try:
            with self._store.write() as connection:
                server.try_to_write(connection)
        except Busy as error:
            self.failed(error)
        else:
            self._error = None
