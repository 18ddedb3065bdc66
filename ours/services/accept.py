"""Takes events in: whose key is it, which row does it become, and is it durable?"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from ours import clock, ids
from ours.core import allow, bags
from ours.core.incoming import Incoming
from ours.errors import Busy, Unsealable
from ours.services.readiness import Gauge, Trial
from ours.services.unavailable import Unavailable
from ours.settings import Settings
from ours.store import Store, binding, key_hash, writer
from ours.store.queries import sources
from ours.store.queries.events import NewEvent
from ours.store.queries.refusals import Refused
from ours.store.writer import Writer, Written

_WHOLE_FLOAT = re.compile(rb"\.0[,}\]]")  # not a text, in which it is common: Mozilla/5.0 (…
_KEY_FRESH = 1.0


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends: a source, through one of its keys. ``rate_limit`` is requests a second, None for no limit.

    Its key ``works`` unless it was revoked, has expired, or the source is not active.
    """

    source_id: int
    key_id: int
    mode: str
    rate_limit: int | None = None
    works: bool = True


class Why(NamedTuple):
    """The ``code`` of a refusal, the names of the ``fields`` that were wrong, and what the request is called."""

    code: str
    fields: str
    request: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one event. ``differs``: a duplicate whose content is not the first one's."""

    event_id: str
    distinct_id: str
    duplicate: bool = False
    differs: bool = False


Fate = list[Receipt] | Exception
"""What became of a request's events, in their order; or why none of them is stored."""


class Accept:
    def __init__(
        self, store: Store, settings: Settings, writer: Writer, unavailable: Unavailable | None = None
    ) -> None:
        self._store = store
        self._settings = settings
        self._writer = writer
        self._unavailable = unavailable or Unavailable()
        self._callers: dict[str, tuple[float, Caller | None]] = {}
        self._gauge = Gauge(store, settings)
        self._trial = Trial(store)

    def check(self) -> None:
        """:raises Busy: when an event could not be made durable now, as far as that can be known without one."""
        self._check_keys()
        self._gauge.check()
        self._trial.check()

    def authenticate(self, key: str) -> Caller | None:
        """The caller behind a key; None when it is unknown, or does not work.

        :raises Busy: when the database can't be asked.
        """
        caller = self.known(key)
        return caller if caller and caller.works else None

    def known(self, key: str) -> Caller | None:
        """The caller behind a key, and be it one that does not work any more.

        An answer is remembered for a second, so a key stops working at most that much after it was revoked.
        """
        hashed = key_hash(key)
        known = self._callers.get(hashed)
        now = time.monotonic()
        if known and now - known[0] < _KEY_FRESH:
            return known[1]
        try:
            with self._store.read() as connection:
                row = sources.caller_by_hash(connection, hashed, clock.now_ms())
        except Busy as error:
            self._note(error)
            raise
        caller = Caller(row.source_id, row.key_id, row.mode, row.rate_limit, bool(row.works)) if row else None
        if len(self._callers) > 10_000:
            self._callers.clear()
        self._callers[hashed] = (now, caller)
        return caller

    def accept(self, caller: Caller, items: Sequence[Incoming]) -> list[Receipt]:
        """Store ``items``; returns when they are durable, in their order.

        :raises Busy: when they can't be made durable now. None of them is stored then.
        """
        try:
            rows, distinct_ids = self._rows(caller, items)
            written = self._writer.write(rows, caller.key_id)
        except Busy as error:
            self._note(error)
            raise
        return _receipts(written, distinct_ids)

    def submit(self, caller: Caller, items: Sequence[Incoming], tell: Callable[[Fate], None]) -> None:
        """As ``accept``, but returns at once: ``tell`` gets what came of it later, in another thread, and is quick.

        :raises Busy: when it is known at once that they can't be made durable. ``tell`` is not called then.
        """

        def pass_on(fate: writer.Fate) -> None:
            if isinstance(fate, Busy):
                self._note(fate)
            tell(fate if isinstance(fate, Exception) else _receipts(fate, distinct_ids))

        try:
            rows, distinct_ids = self._rows(caller, items)
            self._writer.submit(rows, caller.key_id, pass_on)
        except Busy as error:
            self._note(error)
            raise

    def refuse(self, caller: Caller, why: Why, count: int = 1) -> None:
        """Count events of a known key that were answered 4xx."""
        self._writer.count(Refused(caller.source_id, caller.mode, *why, clock.now_ms(), count))

    def _note(self, error: Busy) -> None:
        """A request is going to be answered 503."""
        self._unavailable.note(error)
        if error.reason == "database":
            self._trial.failed(error)

    def _rows(self, caller: Caller, items: Sequence[Incoming]) -> tuple[list[NewEvent], list[str]]:
        """The rows, and the distinct id of each ("" for an identify)."""
        self._check_keys()
        self._gauge.check()
        now = clock.now_ms()
        rows, distinct_ids = [], []
        for item in items:
            event_id = ids.new_id()
            distinct_id = None if item.kind == "identify" else item.distinct_id or event_id
            rows.append(self._row(caller, item, event_id, distinct_id, now))
            distinct_ids.append(distinct_id or "")
        return rows, distinct_ids

    def _check_keys(self) -> None:
        """:raises Busy: when what we would store could be compared with nothing that is there."""
        try:
            _ = self._store.lookup
        except Unsealable as error:
            raise Busy("These secret keys can't open the stored data.", cause=error) from None

    def _row(self, caller: Caller, item: Incoming, event_id: str, distinct_id: str | None, now: int) -> NewEvent:
        body = item.payload()
        lookup = self._store.lookup
        content = lookup.content(_said(item, body)) if item.distinct_id else event_id
        if distinct_id:
            body["distinct_id"] = distinct_id
        return NewEvent(
            id=event_id,
            kind=item.kind,
            mode=caller.mode,
            source_id=caller.source_id,
            name=item.name,
            name_key=allow.name_key(item.name),
            occurred_at=item.occurred_at,
            received_at=now,
            payload=self._store.sealer.seal(orjson.dumps(body), binding.event(event_id)),
            hash=lookup.repeat(caller.mode, item.name, distinct_id) if distinct_id else "",
            content=content,
        )


def _receipts(written: Sequence[Written], distinct_ids: Sequence[str]) -> list[Receipt]:
    return [
        Receipt(result.event_id, distinct_id, result.duplicate, result.differs)
        for result, distinct_id in zip(written, distinct_ids, strict=True)
    ]


def _said(item: Incoming, body: dict[str, Any]) -> bytes:
    """What was said, whatever the order it was said in, however whole numbers are written, without what we said to it.

    A time counts as it was sent: without one, a repeat is as good as the first.
    """
    told = {name: value for name, value in body.items() if name != "warnings"} if "warnings" in body else body
    if item.time is not None:
        told = {**told, "time": item.time}
    data = orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
    return orjson.dumps(bags.whole(told), option=orjson.OPT_SORT_KEYS) if _WHOLE_FLOAT.search(data) else data
