"""Settles what nobody could say of: somebody looked at the destination, and it is there."""

from dataclasses import replace

from ours import clock
from ours.core import subjects
from ours.errors import Invalid
from ours.registry import Registry
from ours.services import audit, known
from ours.services.actors import Who, needs
from ours.services.replay.bulk import Bulk, told
from ours.services.replay.views import Filter
from ours.store import Store
from ours.store.queries import replay as queries


class Confirming:
    """What is held as ambiguous becomes delivered. Whatever else a filter finds is left alone."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._bulk = Bulk(store, registry)

    @needs("editor", "dispatches:replay")
    def one(self, dispatch_id: str, *, actor: Who) -> None:
        """Confirm that a dispatch arrived.

        :raises NotFound: when there is no such dispatch.
        :raises Invalid: when it is not held as ambiguous.
        """
        now = clock.now_ms()
        with self._store.write() as connection:
            known.dispatch(connection, dispatch_id)
            if not queries.confirm(connection, [dispatch_id], now, seen=now):
                raise Invalid("It is not held as ambiguous, so there is nothing to confirm.")
            audit.record(connection, actor, "confirm", subjects.dispatch(dispatch_id))

    def count(self, wanted: Filter) -> int:
        """How many of these are ambiguous now."""
        with self._store.read() as connection:
            return sum(group.count for group in queries.groups(connection, _ambiguous(wanted)))

    @needs("editor", "dispatches:replay")
    def many(self, wanted: Filter, *, seen: int, actor: Who) -> int:
        """Confirm all of these that were ambiguous at the moment ``seen`` (milliseconds) and are still; how many.

        What became ambiguous later, nobody has looked for at the destination.
        """
        wanted, done = _ambiguous(wanted), 0
        detail = told(wanted, matching=self.count(wanted), seen=seen)
        for ids in self._bulk.pages(wanted, self._bulk.newest()):
            with self._store.write() as connection:
                arrived = queries.confirm(connection, ids, clock.now_ms(), seen)
                if arrived and not done:
                    audit.record(connection, actor, "confirm", "dispatches", detail)
            done += arrived
        return done


def _ambiguous(wanted: Filter) -> Filter:
    return replace(wanted, states=wanted.states & {"held"}, reason="ambiguous")
