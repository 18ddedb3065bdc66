"""Asks once more of tries that were not sent at once: who was forgotten, who withdrew, and whose lease ran out."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ours.core.mapping import context_of
from ours.errors import Busy, Unsealable
from ours.plugin import Outcome
from ours.services.deliver.targets import stopped_by
from ours.services.deliver.tries import Try
from ours.services.opening import visitors_of
from ours.services.rules.rulebook import Rulebook
from ours.store import Store
from ours.store.queries import forgetting


class Said(NamedTuple):
    """By the ids of their dispatches: what came of those that may not leave any more, those of visitors who are
    ``forgotten``, and those that are not ours to send, or of which nobody can tell.
    """

    refused: Mapping[str, Outcome] = {}
    forgotten: Collection[str] = ()
    not_ours: Collection[str] = ()

    def lets_go(self, dispatch_id: str) -> bool:
        return not any(dispatch_id in some for some in self)


class Asking:
    """``holder`` is what the leases of this worker are called."""

    def __init__(self, store: Store, holder: str) -> None:
        self._store = store
        self._holder = holder
        self._rulebook = Rulebook()

    def again(self, many: Sequence[Try]) -> Said:
        """What is to be known of these before they leave."""
        try:
            with self._store.read() as connection:
                return self._said(connection, many)
        except (Busy, Unsealable):
            return Said(not_ours={one.id for one in many})

    def _said(self, connection: Connection, many: Sequence[Try]) -> Said:
        held = {row.id: row for row in forgetting.held_by(connection, [one.id for one in many], self._holder)}
        forgotten = {row.id for row in held.values() if row.forgotten}
        not_ours = {one.id for one in many if one.id not in held}
        left = [one for one in many if one.id in held and one.id not in forgotten]
        return Said(self._refused(connection, left, held), forgotten, not_ours)

    def _refused(self, connection: Connection, many: Sequence[Try], held: Mapping[str, Any]) -> dict[str, Outcome]:
        rules = self._rulebook.refresh(connection)
        if not rules:
            return {}
        known = visitors_of(connection, self._store.sealer, {held[one.id].visitor_id for one in many})
        refused = dict[str, Outcome]()
        for one in many:
            context = context_of(one.letter.event, known.get(held[one.id].visitor_id, one.letter.visitor))
            if said := stopped_by(rules, context, one.target.id, one.target.category):
                refused[one.id] = said
        return refused
