"""Turns claimed rows into what plugins are handed: the event as it came, the visitor as known now."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ours.errors import Unsealable
from ours.plugin import Event, Visitor
from ours.services.opening import event_of, opened
from ours.store import Sealer
from ours.store.queries import events, visitors
from ours.store.queries.dispatches import Claimed


class Sealed(NamedTuple):
    """Dispatches and, by their ids, the rows of their events and visitors, which nobody opened yet."""

    claimed: Sequence[Claimed] = ()
    events: Mapping[str, Any] = {}
    visitors: Mapping[str, Any] = {}


class Letter(NamedTuple):
    """One dispatch with its event, its visitor, and the source that sent the event; None: not to be asked about."""

    claimed: Claimed
    event: Event
    visitor: Visitor
    source_id: int | None = None


def find(connection: Connection, claimed: Sequence[Claimed]) -> Sealed:
    found = events.by_id(connection, {one.event_id for one in claimed})
    whose = {row.visitor_id for row in found.values() if row.visitor_id}
    return Sealed(claimed, found, visitors.roots(connection, whose))


class Written(NamedTuple):
    """The letters, and by their ids the dispatches that can't have one: the reason why, as a code."""

    letters: Sequence[Letter]
    held: Mapping[str, str]


def write(sealed: Sealed, sealer: Sealer, shut: Mapping[int, str]) -> Written:
    """``shut``: the destinations that nothing can be built for, each with the reason."""
    if not shut:
        with suppress(Unsealable):
            return Written(_all(sealed, sealer), {})
    return _each(sealed, sealer, shut)


def _all(sealed: Sealed, sealer: Sealer) -> list[Letter]:
    known = opened(sealed.visitors, sealer)
    of = {
        row.id: (event_of(row, sealer), known.get(row.visitor_id) or Visitor(id=""), row.source_id)
        for row in sealed.events.values()
    }
    return [Letter(one, *of[one.event_id]) for one in sealed.claimed]


def _each(sealed: Sealed, sealer: Sealer, shut: Mapping[int, str]) -> Written:
    """One by one, so that what can't be opened keeps back nothing else."""
    letters, held = list[Letter](), dict[str, str]()
    for one in sealed.claimed:
        if one.destination_id in shut:
            held[one.id] = shut[one.destination_id]
            continue
        row = sealed.events[one.event_id]
        whose = {row.visitor_id: sealed.visitors[row.visitor_id]} if row.visitor_id in sealed.visitors else {}
        try:
            letters += _all(Sealed([one], {row.id: row}, whose), sealer)
        except Unsealable as error:
            held[one.id] = error.reason
    return Written(letters, held)
