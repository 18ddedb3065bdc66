"""Forgets a visitor: what waits is stopped, what they and their events carried is taken away, and that they were
forgotten is remembered, as a keyed hash, so that a backup brings nobody back.

What stays of an event is that it was, and where it went: so every figure still adds up.
"""

import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import orjson
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
from ours.store import Store, binding
from ours.store.chunks import batched
from ours.store.queries import forgetting as queries
from ours.store.queries import reading_events, visitors

VERB: Final = "forget"
_CHUNK = _FEW = 200
_PATIENCE = 45.0
_TICK = 0.05
_LIST = "forgotten.log"
_LINE = re.compile(r"([0-9a-f]{32}) ([0-9]{13})$", re.MULTILINE)
_NOT_LISTED = (
    "{} can't be written ({}), so that a backup could bring them back. They are still here: make room, and do it again."
)


@dataclass(frozen=True, slots=True)
class Place:
    """A destination that was sent something. ``tried``: sent, without that it was ever taken for certain."""

    id: int
    name: str
    delivered: int
    tried: int
    last_at: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was taken away, by whom, and where it had gone before; ``id`` is that of the audit log's entry. What a
    forgetting before, that had to give up, had taken is counted with it.

    ``twins``: visitors of the other mode that the same names name, who are still here. ``scrubbed``: no trace is left
    in SQLite's files either.
    """

    id: str
    actor: str
    visitor_id: str
    mode: str
    forgotten_at: int
    visitors: int
    identifiers: int
    events: int
    attempts: int
    stopped: int
    destinations: Sequence[Place]
    twins: Sequence[str]
    scrubbed: bool = True

    @property
    def document(self) -> dict[str, Any]:
        """As programs are given it."""
        places = [
            {"id": place.id, "name": place.name, "delivered": place.delivered, "tried": place.tried,
             "lastAt": clock.iso(place.last_at)}
            for place in self.destinations
        ]  # fmt: skip
        counts = {name: getattr(self, name) for name in ("visitors", "identifiers", "events", "attempts", "stopped")}
        told = {
            "id": self.id,
            "visitor": self.visitor_id,
            "mode": self.mode,
            "forgottenAt": clock.iso(self.forgotten_at),
            "by": self.actor,
        }
        return told | counts | {"destinations": places, "otherMode": list(self.twins), "scrubbed": self.scrubbed}


def receipt_of(entry: audit.Entry, here: Iterable[str]) -> Receipt | None:
    """The receipt of an entry of the audit log, if it keeps one; of the twins those who are ``here``."""
    kept = dict(entry.detail)
    if entry.verb != VERB or "mode" not in kept:
        return None
    kept["destinations"] = [Place(**one) for one in kept["destinations"]]
    kept["twins"] = [one for one in kept["twins"] if one in set(here)]
    _, visitor_id = subjects.read(entry.subject)
    return Receipt(entry.id, entry.actor, visitor_id, forgotten_at=entry.at, **kept)


@dataclass(slots=True)
class _Taken:
    """What was taken from a visitor's events so far. It is kept with who was forgotten, and grows with each part of the
    events, so that whoever goes on with a forgetting that had to give up counts all of them.
    """

    events: int = 0
    attempts: int = 0
    stopped: int = 0
    places: dict[int, Place] = field(default_factory=dict)

    @classmethod
    def read(cls, texts: Iterable[str]) -> "_Taken":
        whole = cls()
        for told in map(orjson.loads, texts):
            whole.add(told["events"], told["attempts"], told["stopped"], [Place(**one) for one in told["destinations"]])
        return whole

    def add(self, events: int, attempts: int, stopped: int, places: Iterable[Place]) -> None:
        self.events += events
        self.attempts += attempts
        self.stopped += stopped
        for one in places:
            before = self.places.get(one.id, replace(one, delivered=0, tried=0))
            self.places[one.id] = Place(one.id, one.name, before.delivered + one.delivered, before.tried + one.tried,
                                        max(before.last_at, one.last_at))  # fmt: skip

    @property
    def document(self) -> dict[str, Any]:
        counts = {"events": self.events, "attempts": self.attempts, "stopped": self.stopped}
        return counts | {"destinations": [asdict(self.places[one]) for one in sorted(self.places)]}

    @property
    def text(self) -> str:
        return orjson.dumps(self.document).decode()


@dataclass(slots=True)
class _Begun:
    """``remembered``: the visitors that stand in the lists; ``search``: for what others' events hold of them."""

    search: sharing.Search
    remembered: set[str] = field(default_factory=set)


class Forgetting:
    def __init__(self, store: Store, route: Route, home: Path) -> None:
        self._store = store
        self._route = route
        self._list = home / _LIST

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
        known = self._known()
        for part in batched(list(known.items()), _CHUNK):
            with self._store.write() as connection:
                queries.remember(connection, dict(part))
        returned = {one: self._begun() for one in self._returned(known)}
        for one, begun in returned.items():
            self._take_most(self._family(one)[1], begun)
        with self._router_still():
            receipts = [self._forget(one, actor, begun) for one, begun in returned.items()]
        return [one for one in receipts if one]

    def left(self) -> list[str]:
        """Who was forgotten and is here all the same: a backup brought them back, or it was not finished."""
        return self._returned(self._known())

    def _begun(self) -> _Begun:
        return _Begun(sharing.Search(self._store))

    def _family(self, visitor_id: str) -> tuple[Any, Sequence[str]]:
        """Whose id it is, None when nobody's; and the ids of all that they are, their own first."""
        with self._store.read() as connection:
            root = visitors.roots(connection, [visitor_id]).get(visitor_id)
            return root, reading_events.merged_into(connection, root.id) if root else ()

    def _known(self) -> dict[str, int]:
        """Who was forgotten, and when, by the list in the database and the one beside it."""
        with self._store.read() as connection:
            known = queries.remembered(connection)
        for one, at in self._listed().items():
            known[one] = max(at, known.get(one, 0))
        return known

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
        self._remember([one for one in family if one not in begun.remembered], now)
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
            told |= _Taken.read(queries.taken(connection, family)).document
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
                taken = _Taken.read(queries.taken(connection, [visitor_id]))
                theirs = queries.hold(connection, event_ids)
                if not theirs:
                    return
                queries.stop(connection, theirs, now)
                if not queries.in_hand(connection, theirs):
                    taken.add(len(theirs), *_wipe(connection, {one: empty[one] for one in theirs}, now))
                    queries.take(connection, [visitor_id], taken.text)
                    return
            _wait(ends)

    def _returned(self, known: Mapping[str, int]) -> list[str]:
        with self._store.read() as connection:
            found = (row for part in batched(list(known), _CHUNK) for row in visitors.by_id(connection, part))
            return [row.id for row in found if row.created_at <= known[row.id]]

    def _remember(self, family: Sequence[str], now: int) -> None:
        """First of all, and twice: if anything fails after this, it is done again."""
        if not family:
            return
        with self._store.write() as connection:
            queries.remember(connection, dict.fromkeys(family, now))
        try:
            with os.fdopen(os.open(self._list, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
                file.writelines(f"{one} {now}\n" for one in family)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise Busy(_NOT_LISTED.format(_LIST, error.strerror), reason="disk") from None

    def _listed(self) -> dict[str, int]:
        """A line that was cut short, by a crash or a full disk, is passed over: its forgetting was not finished either.
        The next one stands right behind it."""
        text = self._list.read_text() if self._list.exists() else ""
        return {match[1]: int(match[2]) for match in _LINE.finditer(text)}

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
        raise Busy("Something of this visitor is still in a worker's hand. Try again in a minute.", retry_after=60)
    time.sleep(_TICK)
