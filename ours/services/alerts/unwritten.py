"""The one alert that can't be kept in a row: that none can be written. Each scheduler tells it, and leaves a mark."""

import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from ours import clock
from ours.core.concerns import Concern, News, Stage
from ours.services.alerts.marker import Mark, Marker
from ours.services.alerts.telling import Told

_PATIENCE = 30.0
"""A database that is started anew is back by then."""
_CALM, _RETRY, _AGAIN = 60.0, 60.0, 86_400.0


class Unwritten:
    """``tell`` passes news on, to all channels or to those that are named, and answers what became of it on each."""

    def __init__(self, tell: Callable[[News, Collection[str] | None], Sequence[Told]], marker: Marker) -> None:
        self._tell = tell
        self._marker = marker
        self._since = 0
        self._due: float | None = None
        self._well: float | None = None
        self._end_due = 0.0

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
        if (mark := self._marker.mark) and mark.is_over:
            self._forget()
            mark = None
        if self._due is None:
            self._since = mark.since if mark else clock.now_ms() - round(waited * 1000)
            self._due = now + (_rest(mark) if mark else _PATIENCE - waited)
        if now >= self._due:
            self._due = now + (_AGAIN if self._say(concern, mark) else _RETRY)

    def worked(self) -> None:
        """It could: the end is told when that lasts for a minute, if the beginning was, and tried for a day."""
        now, mark = time.monotonic(), self._marker.mark
        if mark is None:
            self._due = None
            return
        if self._well is None:
            self._well, self._end_due = now, now + _CALM
        if now < self._end_due:
            return
        told = self._tell(News("database", "", "resolved", mark.words, mark.since), mark.channels)
        left = tuple(one.channel for one in told if one.problem)
        if not left or now - self._well >= _AGAIN:
            self._forget()
            return
        self._end_due = now + _RETRY
        if left != mark.channels:
            self._marker.keep(replace(mark, channels=left, is_over=len(left) < len(told) or mark.is_over))

    def _say(self, concern: Concern, mark: Mark | None) -> bool:
        """Tell that it lasts; answers whether any channel took it."""
        stage: Stage = "still" if mark else "opened"
        told = self._tell(News(concern.kind, concern.subject, stage, concern.words, self._since), None)
        took = {one.channel for one in told if not one.problem}
        if took:
            took |= set(mark.channels or ()) if mark else set()
            self._marker.keep(Mark(self._since, clock.now_ms(), concern.words, tuple(sorted(took))))
        return bool(took)

    def _forget(self) -> None:
        self._marker.drop()
        self._due = None


def _rest(mark: Mark) -> float:
    """For how many seconds nothing is to be told after that; a day at most, whatever the clock says."""
    return min(max(_AGAIN - (clock.now_ms() - mark.told_at) / clock.SECOND, 0.0), _AGAIN)
