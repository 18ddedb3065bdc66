"""What can be replayed. A replay, what it does to the old dispatch and its audit entry are one transaction."""

from typing import Any

from sqlalchemy import Connection

from ours.core import subjects
from ours.core.retry import has_ended
from ours.errors import Invalid
from ours.ids import is_id
from ours.registry import Registry
from ours.services import audit, gates
from ours.services.actors import Who, needs
from ours.services.known import no_such
from ours.services.replay import deciding, making
from ours.services.replay.bulk import Bulk
from ours.services.replay.views import Filter, Preview
from ours.store import Store
from ours.store.queries import replay as queries
from ours.store.queries.replay import Candidate


class Replay:
    """``actor`` is who does it; what they may not is refused here.

    Receivers are told the id that the repeated dispatch had, so that they drop what they know; ``fresh_id``: a new one.
    """

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry
        self._bulk = Bulk(store, registry)

    @needs("editor", "dispatches:replay")
    def one(self, dispatch_id: str, *, actor: Who, fresh_id: bool = False) -> str:
        """Repeat a dispatch, or the last replay of it; the new one's id. A replay under way is answered, not doubled.

        :raises NotFound: when there is no such dispatch.
        :raises Invalid: when it is still under way itself, or may not go.
        """
        with self._store.write() as connection:
            known = gates.current(connection, self._registry, steady=True)
            old = _last(connection, dispatch_id)
            if not has_ended(old.state, old.reason):
                return _other(old, dispatch_id)
            planned = deciding.check(deciding.decide(known, old.destination_id, old, old.reason))
            (made,) = making.repeat(connection, [(old, planned)], fresh_id=fresh_id)
            detail = {"dispatch": made, "fresh_id": fresh_id}
            audit.record(connection, actor, "replay", subjects.dispatch(old.id), detail)
            return made

    @needs("editor", "dispatches:replay")
    def event(self, event_id: str, *, actor: Who, fresh_id: bool = False) -> list[str]:
        """Repeat all of an event's dispatches that ended and were not delivered; the new ones' ids.

        :raises NotFound: when there is no such event.
        :raises Invalid: when there are some and none may go.
        """
        with self._store.write() as connection:
            known = gates.current(connection, self._registry, steady=True)
            _held(connection, event_id)
            ended = queries.of_event(connection, event_id)
            made = making.repeat(connection, deciding.permitted(known, ended), fresh_id=fresh_id)
            if ended and not made:
                deciding.check(deciding.decide(known, ended[0].destination_id, ended[0], ended[0].reason))
            if made:
                detail = {"dispatches": made, "fresh_id": fresh_id}
                audit.record(connection, actor, "replay", subjects.event(event_id), detail)
            return made

    @needs("editor", "dispatches:replay")
    def event_to(self, event_id: str, destination_id: int, *, actor: Who) -> str:
        """Send an event where it has not been: its destination refused it then, or did not exist. The dispatch's id.

        :raises NotFound: when there is no such event.
        :raises Invalid: when it has ended there already, is not routed yet, or may not go.
        """
        with self._store.write() as connection:
            known = gates.current(connection, self._registry, steady=True)
            event = _held(connection, event_id)
            there = queries.last_of(connection, event_id, destination_id)
            if there and not has_ended(there.state, there.reason):
                return there.id
            if there:
                raise Invalid(f"This destination already has a dispatch for it. Replay dispatch {there.id} instead.")
            if event.routed_at is None:
                raise Invalid("It is not routed yet. Try again in a moment.")
            planned = deciding.check(deciding.decide(known, destination_id, event, event.barred))
            made = making.first(connection, event, planned)
            detail = {"dispatch": made, "destination": destination_id}
            audit.record(connection, actor, "replay", subjects.event(event_id), detail)
            return made

    def preview(self, wanted: Filter) -> Preview:
        """What ``many`` would do just now."""
        return self._bulk.preview(wanted)

    @needs("editor", "dispatches:replay")
    def many(self, wanted: Filter, *, actor: Who, limit: int | None = None, fresh_id: bool = False) -> int:
        """Repeat all that match and may go, ``limit`` at most; how many. What comes meanwhile is left alone.

        It is done in short transactions: if it is interrupted, ask again, and the rest is done.
        """
        return self._bulk.run(wanted, actor=actor, limit=limit, fresh_id=fresh_id)


def _last(connection: Connection, dispatch_id: str) -> Candidate:
    """The last of the chain that a dispatch belongs to, held still."""
    pair = queries.pair_of(connection, dispatch_id) if is_id(dispatch_id) else None
    if pair:
        queries.hold_events(connection, [pair[0]])
    last = queries.last_of(connection, *pair) if pair else None
    if last is None:
        raise no_such("dispatch", dispatch_id)
    return last


def _held(connection: Connection, event_id: str) -> Any:
    rows = queries.hold_events(connection, [event_id]) if is_id(event_id) else []
    if not rows:
        raise no_such("event", event_id)
    return rows[0]


def _other(under_way: Candidate, dispatch_id: str) -> str:
    """The replay that is under way already.

    :raises Invalid: when it is the very dispatch that was to be repeated.
    """
    if under_way.id == dispatch_id:
        raise Invalid(f"This dispatch is {under_way.state}: it has not ended yet, so there is nothing to repeat.")
    return under_way.id
