"""The group commit: one thread per web process commits what many requests brought, in one transaction.

A request waits until its rows are on disk. Nothing waits on purpose: a batch is what came while the last was written.
"""

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Connection

from ours import clock, log, processes
from ours.errors import Busy
from ours.store.engine import Store
from ours.store.queries import events, refusals, volumes
from ours.store.queries.events import NewEvent
from ours.store.queries.refusals import Refused

_logger = log.get("writer")
_MOST_ROWS = 2_000
_MOST_WAITING = 10_000
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one event: its id, or that of the first with the same distinctId."""

    event_id: str
    duplicate: bool = False
    differs: bool = False


Fate = list[Written] | Exception
"""What became of a request's rows, in their order; or why none of them is stored."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One request's rows, waiting for their commit, and who is told of it."""

    rows: Sequence[NewEvent]
    refused: Sequence[Refused]
    key_id: int | None
    tell: Callable[[Fate], None]


class Writer:
    """``write`` or ``submit`` from any thread; ``close`` when no more will come."""

    def __init__(self, store: Store, announce: Callable[[], None]) -> None:
        self._store = store
        self._announce = announce
        self._waiting: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._used: dict[int, int] = {}
        self._writing: tuple[float, list[_Entry]] | None = None  # since when, and what
        self._closed = threading.Event()
        self._thread = processes.lasting(self._run, "writer")
        processes.lasting(self._watch, "writer-watch")

    def write(self, rows: Sequence[NewEvent], key_id: int) -> list[Written]:
        """Store ``rows``; returns when they are durable, in their order.

        :raises Busy: when they can't be made durable now. None of them is stored then, unless the database took too
            long to answer, or its disk failed, and does it in the end.
        """
        told: queue.SimpleQueue[Fate] = queue.SimpleQueue()
        self.submit(rows, key_id, told.put)
        fate = told.get()
        if isinstance(fate, Exception):
            raise fate
        return fate

    def submit(self, rows: Sequence[NewEvent], key_id: int, tell: Callable[[Fate], None]) -> None:
        """As ``write``, but returns at once: ``tell`` gets what came of it later, in another thread, and is quick.

        Only the first counts: what was given up may be stored in the end.

        :raises Busy: when too many wait already. ``tell`` is not called then.
        """
        self._submit(_Entry(rows, (), key_id, tell))

    def count(self, refused: Refused) -> None:
        """Add refused events to the source's volume and refusals, with whatever commit comes next."""
        self._submit(_Entry((), (refused,), None, _ignore))

    def close(self) -> None:
        self._closed.set()
        self._waiting.put(None)
        self._thread.join(10)

    def _submit(self, entry: _Entry) -> None:
        if self._waiting.qsize() >= _MOST_WAITING:
            raise Busy("Too many events are waiting to be stored.", reason="waiting")
        self._waiting.put(entry)

    def _run(self) -> None:
        running = True
        while running:
            batch, running = self._gather()
            if batch:
                self._writing = time.monotonic(), batch
                self._commit(batch)
                self._writing = None

    def _watch(self) -> None:
        """Nobody waits for ever: what the database does not take in time is answered all the same."""
        told = None
        while not self._closed.wait(_PATIENCE / 30):
            writing = self._writing
            if writing and time.monotonic() - writing[0] > _PATIENCE:
                stuck = [] if writing is told else writing[1]
                for entry in [*stuck, *self._give_up()]:
                    _tell(entry, Busy("The database took too long to answer."))
                told = writing

    def _give_up(self) -> list[_Entry]:
        """What waits now and holds a request; what is only counted goes on waiting."""
        entries: list[_Entry | None] = []
        with suppress(queue.Empty):
            while True:
                entries.append(self._waiting.get_nowait())
        for entry in entries:
            if entry is None or not entry.rows:
                self._waiting.put(entry)
        return [entry for entry in entries if entry and entry.rows]

    def _gather(self) -> tuple[list[_Entry], bool]:
        """All that waits now, up to a bound; False when this was the end."""
        batch: list[_Entry] = []
        size = 0
        entry = self._waiting.get()
        while entry is not None:
            batch.append(entry)
            size += len(entry.rows)
            if size >= _MOST_ROWS:
                return batch, True
            try:
                entry = self._waiting.get_nowait()
            except queue.Empty:
                return batch, True
        return batch, False

    def _commit(self, batch: list[_Entry]) -> None:
        try:
            results = self._write(batch)
        except Busy as error:
            for entry in batch:
                _tell(entry, error)
            return
        except Exception as error:
            if len(batch) > 1:
                for entry in batch:
                    self._commit([entry])
                return
            _logger.exception("commit_failed", error=type(error).__name__)
            _tell(batch[0], _poison(error))
            return
        for entry, result in zip(batch, results, strict=True):
            _tell(entry, result)

    def _write(self, batch: list[_Entry]) -> list[list[Written]]:
        now = clock.now_ms()
        rows = [row for entry in batch for row in entry.rows]
        with self._store.write(announce=self._announce if rows else None) as connection:
            firsts = events.insert_new(connection, rows) if rows else {}
            written = [_written(row, firsts) for row in rows]
            tally = _tally(rows, written, now - now % clock.MINUTE)
            refused = [one for entry in batch for one in entry.refused]
            for one in refused:
                tally[volumes.Cell(one.at - one.at % clock.MINUTE, one.source_id, one.mode, "rejected")] += one.count
            volumes.add(connection, tally)
            if refused:
                refusals.add(connection, refused)
            self._note_use(connection, {entry.key_id for entry in batch if entry.key_id}, now)
        results = iter(written)
        return [[next(results) for _ in entry.rows] for entry in batch]

    def _note_use(self, connection: Connection, key_ids: set[int], now: int) -> None:
        """Keep each key's last use, to the minute."""
        stale = [key_id for key_id in key_ids if now - self._used.get(key_id, 0) >= clock.MINUTE]
        if stale:
            volumes.note_use(connection, stale, now)
            self._used.update(dict.fromkeys(stale, now))


def _tell(entry: _Entry, fate: Fate) -> None:
    try:
        entry.tell(fate)
    except Exception:
        _logger.exception("tell_failed")


def _ignore(_: Fate) -> None:
    """Nobody waits to hear of what was only counted."""


def _tally(rows: Sequence[NewEvent], written: Sequence[Written], minute: int) -> Counter[volumes.Cell]:
    tally: Counter[volumes.Cell] = Counter()
    for (source_id, mode), count in Counter((row.source_id, row.mode) for row in rows).items():
        tally[volumes.Cell(minute, source_id, mode, "received")] = count
    for row, result in zip(rows, written, strict=True):
        if result.duplicate:
            tally[volumes.Cell(minute, row.source_id, row.mode, "duplicate")] += 1
    return tally


def _written(row: NewEvent, firsts: dict[str, events.First]) -> Written:
    first = firsts.get(row.hash)
    if first is None or first.event_id == row.id:
        return Written(row.id)
    return Written(first.event_id, duplicate=True, differs=first.content != row.content)


def _poison(error: Exception) -> Exception:
    return Busy(f"This event can't be stored ({type(error).__name__}); the log says why.")
