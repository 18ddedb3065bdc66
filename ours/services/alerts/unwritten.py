"""The one alert that can't be kept in a row: that none can be written. It is told from memory, by each scheduler."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ours import clock
from ours.core.concerns import Concern, News, Stage

_PATIENCE = 30.0
"""A database that is started anew is back by then."""
_CALM, _RETRY, _AGAIN = 60.0, 60.0, 86_400.0


class Unwritten:
    """``tell`` passes news on, and answers whether any channel took it."""

    def __init__(self, tell: Callable[[News], bool]) -> None:
        self._tell = tell
        self._since = 0
        self._due: float | None = None
        self._well: float | None = None
        self._told: Concern | None = None

    @contextmanager
    def trying(self, concern: Concern) -> Iterator[None]:
        """A try that does not end is one that failed: on SQLite it waits in line behind others that try in vain."""
        late = threading.Timer(_PATIENCE, self.failed, [concern, _PATIENCE])
        late.daemon = True
        late.start()
        try:
            yield
        finally:
            late.cancel()
            late.join()

    def failed(self, concern: Concern, waited: float = 0.0) -> None:
        """It could not be written: told once that lasts for a while, and again each day.

        ``waited``: for how many seconds already.
        """
        now, self._well = time.monotonic(), None
        if self._due is None:
            self._since, self._due = clock.now_ms() - round(waited * 1000), now + _PATIENCE - waited
        if now >= self._due:
            taken = self._say(concern, "still" if self._told else "opened")
            self._told = concern if taken else self._told
            self._due = now + (_AGAIN if taken else _RETRY)

    def worked(self) -> None:
        """It could: the end is told when that lasts for a minute, if the beginning was."""
        now = time.monotonic()
        self._well = self._well or now
        if self._told and now - self._well < _CALM:
            return
        if self._told:
            self._say(self._told, "resolved")
        self._told = self._due = None

    def _say(self, concern: Concern, stage: Stage) -> bool:
        return self._tell(News(concern.kind, concern.subject, stage, concern.words, self._since))
