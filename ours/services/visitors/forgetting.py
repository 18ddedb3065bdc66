"""Forgets a visitor: what waits is stopped, what they and their events carried is taken away, and that they were
forgotten is remembered, as a keyed hash, so that a backup brings nobody back.

What stays of an event is that it was, and where it went: so every figure still adds up.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from ours import clock, ids
from ours.core import subjects
from ours.core.reasons import ERASED, may_name
from ours.errors import Busy
from ours.services import audit
from ours.services.actors import Who
from ours.services.opening import try_profile
from ours.services.route import Route
from ours.services.visitors import finding, sharing
from ours.services.visitors.receipts import VERB, Place, Receipt, Taken, receipt_of
from ours.services.visitors.remembered import Remembered
from ours.store import Store, binding
from ours.store.chunks import batched
from ours.store.queries import forgetting as queries
from ours.store.queries import reading_events, visitors

_CHUNK = _FEW = 200
_PATIENCE = 45.0
_TICK = 0.05


@dataclass(slots=True)
class _Begun:
    """``remembered``: the visitors that stand in the lists; ``search``: for what others' events hold of them."""

    search: sharing.Search
    remembered: set[str] = field(default_factory=set)


class Forgetting:
    def __init__(self, store: Store, route: Route, home: Path) -> None:
        self._store = store
        self._route = route
        self._remembered = Remembered(store, home)

    def forget(self, visitor_id: str, actor: Who) -> Receipt | None:
        """None when there is nobody of that id (any more).

        :raises Busy: when a worker keeps something of theirs in hand for too long; what was begun goes on next time.
        """
        begun = self._begun()
        root, family = self._family(visitor_id)
        self._take_most(family, begun)
        begun.search.go_on(root, family)
        with self._router_still():
            return self._forget(visitor_id, actor, begun)

    def again(self, actor: Who) -> list[Receipt]:
        """Forget again whom a backup brought back, by the list in the database and the one beside it."""
        known = self._remembered.known()
        self._remembered.complete(known)
        returned = {one: self._begun() for one in self._remembered.returned(known)}
        for one, begun in returned.items():
            self._take_most(self._family(one)[1], begun)
        with self._router_still():
            receipts = [self._forget(one, actor, begun) for one, begun in returned.items()]
        return [one for one in receipts if one]

    def left(self) -> list[str]:
        """Who was forgotten and is here all the same: a backup brought them back, or it was not finished."""
        return self._remembered.returned(self._remembered.known())

    def _begun(self) -> _Begun:
        return _Begun(sharing.Search(self._store))

    def _family(self, visitor_id: str) -> tuple[Any, Sequence[str]]:
        """Whose id it is, None when nobody's; and the ids of all that they are, their own first."""
        with self._store.read() as connection:
            root = visitors.roots(connection, [visitor_id]).get(visitor_id)
            return root, reading_events.merged_into(connection, root.id) if root else ()

    def _take_most(self, family: Sequence[str], begun: _Begun) -> None:
        """So that nobody's events wait for as long as this may take; again, for what came of theirs meanwhile, until
        that is little, or no less than before."""
        before = self._take(family, begun)
        while before > _FEW and (more := self._take(family, begun)) < before:
            before = more

    def _take(self, family: Sequence[str], begun: _Begun) -> int:
        """Remember them, and leave nothing in their events, nor by which anybody could tell whose they were. How many
        events.
        """
        now = clock.now_ms()
        self._remembered.add([one for one in family if one not in begun.remembered], now)
        begun.remembered.update(family)
        with self._store.read() as connection:
            event_ids = queries.events_of(connection, family)
        for part in batched(event_ids, _CHUNK):  # all of it, before anything is waited for
            with self._store.write() as connection:
                queries.stop(connection, part, now)
        for part in batched(event_ids, _CHUNK):
            self._empty(family[0], part, now)
        return len(event_ids)

    def _forget(self, visitor_id: str, actor: Who, begun: _Begun) -> Receipt | None:
        root, family = self._family(visitor_id)
        if root is None:
            return None
        begun.search.claim(root, family)
        self._take(family, begun)
        with self._store.read() as connection:
            twins = self._twins(connection, root.mode, family)
        with self._store.write() as connection:
            told = {"mode": root.mode, "visitors": len(family), "twins": twins}
            told |= Taken.read(queries.taken(connection, family)).document
            queries.take(connection, family, None)
            told["identifiers"] = queries.remove(connection, family)
            entry_id = audit.record(connection, actor, VERB, subjects.visitor(root.id), told)
            entry = audit.one(connection, entry_id)
        receipt = receipt_of(entry, twins) if entry else None
        return replace(receipt, scrubbed=self._store.scrub()) if receipt else None

    def _twins(self, connection: Connection, mode: str, family: Sequence[str]) -> list[str]:
        opened = (try_profile(self._store.sealer, row)[0] for row in visitors.by_id(connection, family))
        return finding.twins(connection, self._store.lookup, mode, opened)

    def _empty(self, visitor_id: str, event_ids: Sequence[str], now: int) -> None:
        """Stop what waits for these events and, once no worker has anything of them in hand, empty them and cut their
        link to the visitor.
        """
        empty = {one: self._store.sealer.seal_json({}, binding.event(one)) for one in event_ids}
        ends = time.monotonic() + _PATIENCE
        while True:
            with self._store.write() as connection:
                taken = Taken.read(queries.taken(connection, [visitor_id]))
                theirs = queries.hold(connection, event_ids)
                if not theirs:
                    return
                queries.stop(connection, theirs, now)
                if not queries.in_hand(connection, theirs):
                    taken.add(len(theirs), *_wipe(connection, {one: empty[one] for one in theirs}, now))
                    queries.take(connection, [visitor_id], taken.text)
                    return
            _wait(ends)

    @contextmanager
    def _router_still(self) -> Iterator[None]:
        """Route what was accepted before now, for nobody knows yet whose that is; then keep the station closed."""
        upto, ends = ids.new_id(), time.monotonic() + _PATIENCE
        while True:
            while self._route.run():
                pass
            with self._store.alone("route", for_long=True) as mine:
                if mine and not self._unrouted(upto):
                    yield
                    return
            _wait(ends)

    def _unrouted(self, upto: str) -> bool:
        with self._store.read() as connection:
            return queries.any_unrouted(connection, upto)


def _wipe(connection: Connection, empty: Mapping[str, bytes], now: int) -> tuple[int, int, list[Place]]:
    """How many attempts went with these events, how many dispatches were stopped, and where the others had gone."""
    event_ids = list(empty)
    stopped, rows = queries.stopped(connection, event_ids), queries.places(connection, event_ids)
    told = [one for one in queries.reasons(connection, event_ids) if may_name(one)]
    if told:
        queries.erase_reasons(connection, event_ids, told, ERASED)
    return queries.wipe(connection, empty, now), stopped, [_place(row) for row in rows]


def _place(row: Any) -> Place:
    name = row.name or f"destination {row.destination_id}"
    return Place(row.destination_id, name, int(row.delivered), int(row.tried), row.last)


def _wait(ends: float) -> None:
    if time.monotonic() > ends:
        raise Busy("A worker is still sending something of this visitor. Try again in a minute.", retry_after=60)
    time.sleep(_TICK)
