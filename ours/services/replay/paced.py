"""Replays by filter that the scheduler does, a slice a second. They can be paused, resumed and cancelled.

A slice and the note of how far it came are one transaction: killed at any moment, it goes on where it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import orjson
from sqlalchemy import Connection

from ours import clock
from ours.core import subjects
from ours.core.deeds import Verb
from ours.errors import Invalid, NotFound
from ours.registry import Registry
from ours.services import audit
from ours.services.actors import Who, name_of, needs
from ours.services.replay.bulk import CHUNK, Bulk, told
from ours.services.replay.views import Filter
from ours.store import Store
from ours.store.queries import replay as matching
from ours.store.queries import replays as queries

_ENDED = {"done", "cancelled"}
_NOTED: Mapping[str, Verb] = {
    "running": "replay_running",
    "paused": "replay_paused",
    "cancelled": "replay_cancelled",
}
_PAGES = 10
"""So many pages are looked through at one go when all on them is barred."""
Place = tuple[int, str, str | None]


@dataclass(frozen=True, slots=True)
class Paced:
    """One such replay. ``matching`` is how many matched when it began, ``made`` how many were made so far."""

    id: int
    state: str
    actor: str
    wanted: Filter
    most: int | None
    fresh_id: bool
    matching: int
    made: int
    created_at: int
    updated_at: int

    @property
    def goal(self) -> int:
        """How many it will have made in the end, unless something changes meanwhile: some match only once it runs."""
        known = self.matching if self.most is None else min(self.matching, self.most)
        return max(known, self.made)

    @property
    def passed_over(self) -> int:
        """Of one that is done, how many it did not make: another did, they are deleted, or may not go now."""
        return self.goal - self.made if self.state == "done" else 0


class PacedReplays:
    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry
        self._bulk = Bulk(store, registry)

    @needs("editor", "dispatches:replay")
    def start(self, wanted: Filter, *, actor: Who, limit: int | None = None, fresh_id: bool = False) -> Paced:
        """Begin one; what comes from now on is left alone."""
        now, count = clock.now_ms(), self._bulk.preview(wanted).count
        with self._store.write() as connection:
            values = {"state": "running", "actor": name_of(actor), "wanted": _write(wanted), "most": limit,
                      "fresh_id": fresh_id, "matching": count, "made": 0, "upto": matching.newest(connection),
                      "created_at": now, "updated_at": now}  # fmt: skip
            replay_id = queries.insert_replay(connection, values)
            detail = told(wanted, matching=count, limit=limit, fresh_id=fresh_id)
            audit.record(connection, actor, "replay", subjects.replay(replay_id), detail)
            return _paced(queries.locked(connection, replay_id))

    def list(self, limit: int = 50) -> Sequence[Paced]:
        """The newest first."""
        with self._store.read() as connection:
            return [_paced(row) for row in queries.latest(connection, limit)]

    @needs("editor", "dispatches:replay")
    def turn(self, replay_id: int, state: Literal["running", "paused", "cancelled"], *, actor: Who) -> Paced:
        """Pause it, let it go on, or end it. What it made already goes its way.

        :raises NotFound: when there is none with that id.
        :raises Invalid: when it has ended.
        """
        with self._store.write() as connection:
            row = queries.locked(connection, replay_id)
            if row is None:
                raise NotFound(f"There is no replay {replay_id}. `ours replay list` shows those there are.")
            if row.state in _ENDED:
                raise Invalid(f"Replay {replay_id} is {row.state}.")
            queries.change(connection, replay_id, {"state": state, "updated_at": clock.now_ms()})
            audit.record(connection, actor, _NOTED[state], subjects.replay(replay_id), {"made": row.made})
            return _paced(queries.locked(connection, replay_id))

    def tick(self) -> None:
        """Do one slice of each that runs. One process at a time does it.

        :raises Busy: when the database is away.
        """
        with self._store.read() as connection:
            going = queries.running(connection)
        for replay_id in going:
            for _ in range(_PAGES):
                if self._look_through_page(replay_id):
                    break

    def _look_through_page(self, replay_id: int) -> bool:
        """In a transaction of its own, for whoever stores an event waits for it; whether that is all for now."""
        with self._store.write() as connection:
            row = queries.locked(connection, replay_id)
            if row is None or row.state != "running":
                return True
            noted = self._slice(connection, row)
            queries.change(connection, replay_id, noted)
        return bool(noted["made"] > row.made or noted["state"] == "done")

    def _slice(self, connection: Connection, row: Any) -> dict[str, Any]:
        """Make up to a chunk of them, of one page; what to note down."""
        wanted = _read(row.wanted)
        left = CHUNK if row.most is None else min(row.most - row.made, CHUNK)
        place: Place | None = tuple(orjson.loads(row.place)) if row.place else None
        ids: Sequence[str] = ()
        if left > 0:
            ids, place = self._page(connection, wanted, place, row.upto)
        made = self._bulk.take(connection, wanted, ids, left, fresh_id=row.fresh_id, after=row.upto) if ids else 0
        return {
            "made": row.made + made,
            "place": orjson.dumps(place).decode() if place else None,
            "state": "done" if not ids or row.made + made == row.most else "running",
            "updated_at": clock.now_ms(),
        }

    def _page(
        self, connection: Connection, wanted: Filter, place: Place | None, upto: str | None
    ) -> tuple[Sequence[str], Place | None]:
        """The next ids after ``place``, in lanes of destination and state, and the place after them."""
        for lane in self._bulk.lanes(connection, wanted) if upto else ():
            if place is None or lane >= place[:2]:
                after = place[2] if place is not None and lane == place[:2] else None
                ids = matching.page(connection, wanted, lane, (after, upto or ""), CHUNK)
                if ids:
                    return ids, (*lane, ids[-1])
        return [], place


def _write(wanted: Filter) -> str:
    return orjson.dumps(asdict(wanted) | {"states": sorted(wanted.states)}).decode()


def _read(text: str) -> Filter:
    values = orjson.loads(text)
    return Filter(**values | {"states": frozenset(values["states"])})


def _paced(row: Any) -> Paced:
    return Paced(row.id, row.state, row.actor, _read(row.wanted), row.most, row.fresh_id, row.matching, row.made,
                 row.created_at, row.updated_at)  # fmt: skip
