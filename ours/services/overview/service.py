"""The questions that screens and the command line ask, each answered in one read transaction."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ours import clock, ids, log
from ours.core.balance import Balance
from ours.errors import Busy
from ours.registry import Registry
from ours.services import known
from ours.services.overview import events, figures, plain, struck, trouble
from ours.services.overview.details import Details
from ours.services.overview.events import Filters, read_cursor
from ours.services.overview.masks import Maskers
from ours.services.overview.pace import Pace, pace
from ours.services.overview.trouble import FailedTry, Trouble
from ours.services.overview.views import Event, Health, Page, Row, Slot, Standing
from ours.store import Store
from ours.store.queries import backlog, reading_events, reading_figures
from ours.store.queries.reading_events import Cursor
from ours.store.queries.replay import Filter

_logger = log.get("overview")
_DEAR = 0.05
_SHARE = 20


class Overview:
    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._maskers = Maskers(registry, store.sealer)
        self._struck: Standing | None = None
        self._struck_until = self._cost = 0.0
        self._striking = threading.Lock()

    def recent_events(self, filters: Filters | None = None, cursor: Cursor | None = None, limit: int = 50) -> Page:
        """A page of events in the order they occurred, the newest first."""
        with self._store.read() as connection:
            return events.page(connection, self._store.sealer, filters or Filters(), cursor, limit)

    def all_events(self, filters: Filters, most: int) -> Iterator[Row]:
        """The rows of ``recent_events``, page after page, ``most`` at most."""
        cursor, left = None, most
        while left > 0:
            page = self.recent_events(filters, cursor, min(left, 500))
            yield from page.rows
            left -= max(len(page.rows), page.searched or 0)
            cursor = read_cursor(page.older)
            if cursor is None:
                return

    def event(self, event_id: str, *, clear: bool = False) -> Event:
        """One event with all that became of it, personal values masked unless ``clear``; credentials always are.

        :raises NotFound: when there is none with that id.
        """
        with self._store.read() as connection:
            row = known.event(connection, event_id)
            return Details(connection, self._store.sealer, self._maskers, clear=clear).event(row)

    def trouble(self, wanted: Filter, before: str | None = None, limit: int = 50) -> Trouble:
        """A page of dispatches that did not simply arrive, the newest first; ``before`` is a cursor."""
        with self._store.read() as connection:
            cursor = before if ids.is_id(before or "") else None
            return trouble.page(connection, self._store.sealer, self._maskers, wanted, cursor, limit)

    def failed_tries(self, destination_id: int, most: int = 5) -> Sequence[FailedTry]:
        """The latest tries of a destination that did not arrive, the latest first, what is personal masked."""
        with self._store.read() as connection:
            return trouble.failed_tries(connection, self._store.sealer, self._maskers, destination_id, most)

    def event_of(self, dispatch_id: str) -> str:
        """The id of the event that a dispatch is about.

        :raises NotFound: when there is no such dispatch.
        """
        with self._store.read() as connection:
            return str(known.dispatch(connection, dispatch_id).event_id)

    def named(self, text: str) -> tuple[str, str | None] | None:
        """The event, and the dispatch of it, that an id names; see ``known.named``."""
        with self._store.read() as connection:
            return known.named(connection, text)

    def by_distinct_id(
        self, text: str, name: str | None = None, mode: str | None = None, most: int = 100
    ) -> Sequence[str]:
        """The events that came with this distinctId; see ``known.by_distinct_id``."""
        with self._store.read() as connection:
            return known.by_distinct_id(connection, self._store.lookup, text, name, mode, most)

    def pace(self) -> Pace:
        """How fast things go just now."""
        with self._store.read() as connection:
            return pace(connection)

    def balance(self) -> Balance:
        return self.standing().balance

    def standing(self) -> Standing:
        """The balance with each destination's part in it. It counts everything, so ask for it once."""
        with self._store.read() as connection:
            return figures.standing(connection)

    def lately(self) -> Standing:
        """``standing``, counted anew where that is cheap. Where it is dear, it is counted beside the asking, and no
        more than a twentieth of the time, however much there is to count. What the scheduler counted last is where
        this begins, so that nobody waits: but for an installation that no scheduler ever looked after.
        """
        last = self._struck or self._remembered()
        if last is None:
            return self._strike()
        if time.monotonic() >= self._struck_until:
            if self._cost <= _DEAR:
                return self._strike()
            if self._striking.acquire(blocking=False):
                threading.Thread(target=self._strike_beside, name="strike", daemon=True).start()
        return last

    def _remembered(self) -> Standing | None:
        """What the scheduler counted, if it took long."""
        with self._store.read() as connection:
            found = struck.latest(connection)
        if found and found.took > _DEAR:
            self._struck, self._cost = found
        return self._struck

    def _strike(self) -> Standing:
        with self._store.read() as connection:
            self._struck, self._cost = struck.strike(connection)
        self._struck_until = time.monotonic() + (self._cost * _SHARE if self._cost > _DEAR else 0)
        return self._struck

    def _strike_beside(self) -> None:
        try:
            self._strike()
        except Busy as error:
            _logger.warning("balance_not_struck", error=str(error))
        finally:
            self._striking.release()

    def waiting(self, destination_id: int) -> Health:
        """How many of a destination's dispatches are under way, or held; what has ended is not counted."""
        with self._store.read() as connection:
            return figures.health(reading_figures.open_states(connection, destination_id))[destination_id]

    def oldest_waiting(self, destination_id: int) -> int | None:
        """When the oldest dispatch that waits or is held for a destination was made; None when none does."""
        with self._store.read() as connection:
            return backlog.oldest(connection, destination_id)

    def hours(self, count: int = 24) -> Sequence[Slot]:
        """What came in by hour, the oldest first."""
        with self._store.read() as connection:
            return figures.hours(connection, clock.now_ms(), count)

    def side_by_side(self, source_ids: Sequence[int], step: int, count: int) -> Mapping[int, Sequence[Slot]]:
        """What each of these sources sent in the last ``count`` stretches of ``step`` milliseconds, oldest first."""
        with self._store.read() as connection:
            return figures.by_source(connection, clock.now_ms(), step, count, source_ids)

    def events_json(self, limit: int = 50) -> list[dict[str, Any]]:
        """The newest events, as ``ours event list --json`` prints them."""
        with self._store.read() as connection:
            found = reading_events.page(connection, reading_events.Narrowed(), None, limit).rows
            return plain.events(connection, self._store.sealer, found)

    def event_json(self, event_id: str) -> dict[str, Any]:
        """:raises NotFound: when there is none with that id."""
        with self._store.read() as connection:
            return plain.event(connection, self._store.sealer, known.event(connection, event_id))

    def dispatch_json(self, dispatch_id: str) -> dict[str, Any]:
        """:raises NotFound: when there is none with that id."""
        with self._store.read() as connection:
            return plain.dispatch(connection, self._store.sealer, known.dispatch(connection, dispatch_id))
