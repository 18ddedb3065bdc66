"""Makes the row of a dispatch from what was decided about an event and a destination."""

from ours import ids
from ours.core.routing import Planned
from ours.store.queries.dispatches import NewDispatch


def dispatch(planned: Planned, event_id: str, mode: str, now: int, lane: str | None = None) -> NewDispatch:
    """A first one. ``lane``: whose events its destination takes in order."""
    return NewDispatch(
        id=ids.new_id(),
        event_id=event_id,
        destination_id=planned.destination_id,
        mode=mode,
        state=planned.state,
        reason=planned.reason,
        due_at=now if planned.state == "pending" else None,
        replay_of=None,
        created_at=now,
        updated_at=now,
        lane=lane,
    )
