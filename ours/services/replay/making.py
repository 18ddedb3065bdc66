"""Makes new dispatches: those that repeat old ones, and first ones where there was none."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from ours import ids
from ours.core import ranges
from ours.core.routing import Planned
from ours.services import owing
from ours.store.queries import dispatches, moments
from ours.store.queries import replay as queries
from ours.store.queries.replay import Candidate


def repeat(
    connection: Connection, decided: Sequence[tuple[Candidate, Planned]], *, fresh_id: bool, after: str = ""
) -> list[str]:
    """Make a new dispatch for each of these; their ids. An ambiguous one is stopped: its replay takes over.

    ``after``: an id that is smaller than all of theirs, for who walks as far as that one and no further.
    """
    now = moments.common(connection)
    made = [
        owing.dispatch(planned, old.event_id, old.mode, now)._replace(
            id=ids.new_id(after), replay_of=old.id, delivery_id=None if fresh_id else old.delivery_id or old.id
        )
        for old, planned in decided
    ]
    dispatches.insert_many(connection, made)
    queries.stop_ambiguous(connection, [old.id for old, _ in decided], now)
    return [one.id for one in made]


def first(connection: Connection, event: Any, planned: Planned) -> str:
    """Make a first dispatch for a routed event; its id.

    It takes the place of the destination's refusal. Where there was none (the destination is younger than the event,
    say), one more decision is owed. Either way the balance holds.
    """
    refused = set(ranges.read(event.refused))
    owed = event.owed if planned.destination_id in refused else event.owed + 1
    still = ranges.write(refused - {planned.destination_id}) or None
    queries.amend(connection, event.id, owed, still)
    made = owing.dispatch(planned, event.id, event.mode, moments.common(connection))
    dispatches.insert_many(connection, [made])
    return made.id
