"""Replays by filter: what it would do, and doing it in short transactions."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import product

from sqlalchemy import Connection

from ours import clock
from ours.core.governance import PREFIX
from ours.core.retry import TROUBLED
from ours.registry import Registry
from ours.services import audit, gates
from ours.services.actors import Who
from ours.services.replay import deciding, making
from ours.services.replay.views import Filter, Preview
from ours.store import Store
from ours.store.queries import replay as queries
from ours.store.queries.replay import Lane

CHUNK = 500
_AT_ONCE = 64
_USUAL_MS = 100.0


class Bulk:
    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry

    def preview(self, wanted: Filter) -> Preview:
        with self._store.read() as connection:
            known = gates.current(connection, self._registry)
            groups = [*queries.groups(connection, wanted)]
            usual = queries.usual_duration(connection) or _USUAL_MS
        states, barred, places, ruled, kept = Counter[str](), Counter[str](), Counter[int](), 0, 0
        for group in groups:
            planned = deciding.decide(known, group.destination_id, group, group.reason)
            if planned.state == "stopped":
                barred[planned.reason or ""] += group.count
            else:
                states[group.state] += group.count
                places[group.destination_id] += group.count
                ruled += group.count * (group.reason or "").startswith(PREFIX)
                kept += group.count * (planned.state == "held")
        return Preview(
            count=states.total(),
            states=states,
            oldest=min((group.oldest for group in groups), default=None),
            newest=max((group.newest for group in groups), default=None),
            barred=barred,
            ruled=ruled,
            kept=kept,
            seconds=math.ceil(max(places.values(), default=0) * usual / _AT_ONCE / clock.SECOND),
        )

    def run(self, wanted: Filter, *, actor: Who, limit: int | None, fresh_id: bool) -> int:
        detail = told(wanted, matching=self.preview(wanted).count, limit=limit, fresh_id=fresh_id)
        left: float = math.inf if limit is None else limit
        done, upto = 0, self.newest()
        for ids in self.pages(wanted, upto):
            with self._store.write() as connection:
                made = self.take(connection, wanted, ids, int(min(left, CHUNK)), fresh_id=fresh_id, after=upto)
                if made and not done:
                    audit.record(connection, actor, "replay", "dispatches", detail)
            done, left = done + made, left - made
            if left <= 0:
                break
        return done

    def take(
        self, connection: Connection, wanted: Filter, ids: Sequence[str], most: int, *, fresh_id: bool, after: str
    ) -> int:
        """Repeat up to ``most`` of these that match still and may go; how many. They come behind the id ``after``."""
        known = gates.current(connection, self._registry, steady=True)
        queries.hold_events(connection, queries.event_ids(connection, ids))
        some = deciding.permitted(known, queries.of_ids(connection, ids, wanted))
        return len(making.repeat(connection, some[:most], fresh_id=fresh_id, after=after))

    def newest(self) -> str:
        """The greatest id of a dispatch; empty when there is none."""
        with self._store.read() as connection:
            return queries.newest(connection) or ""

    def pages(self, wanted: Filter, upto: str) -> Iterator[list[str]]:
        """Ids of what matches, as far as ``upto``: so no replay is replayed in turn, for its id comes behind that.

        By the clock it need not: some may have been made while one was ahead.
        """
        with self._store.read() as connection:
            lanes = self.lanes(connection, wanted)
        for lane in lanes if upto else ():
            yield from self._lane(wanted, lane, upto)

    def lanes(self, connection: Connection, wanted: Filter) -> list[Lane]:
        """Those to look in, in their order. What was removed is owed nothing."""
        known = gates.current(connection, self._registry).keys()
        places = known if wanted.destination_id is None else known & {wanted.destination_id}
        troubled = {lane for lane in queries.lanes(connection, wanted) if lane[0] in known}
        return sorted(troubled | {*product(places, wanted.states.difference(TROUBLED))})

    def _lane(self, wanted: Filter, lane: Lane, upto: str) -> Iterator[list[str]]:
        ids: list[str] = []
        while True:
            with self._store.read() as connection:
                ids = queries.page(connection, wanted, lane, (ids[-1] if ids else None, upto), CHUNK)
            if not ids:
                return
            yield ids


def told(wanted: Filter, **more: object) -> dict[str, object]:
    """What was asked for, as the audit keeps it."""
    given = {name: value for name, value in asdict(wanted).items() if value is not None}
    return more | given | {"states": sorted(wanted.states)}
