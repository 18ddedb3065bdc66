"""Reads one event for its page: what it carries, whose it is, and every dispatch with its attempts."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ours.core import reasons
from ours.core.allow import allows
from ours.core.reasons import ABANDONED, Reason, as_told, describe
from ours.errors import Unsealable, is_unopened
from ours.services.opening import try_open, try_profile
from ours.services.overview import masks
from ours.services.overview.events import refusals, rows
from ours.services.overview.views import Attempt, Dispatch, Event, Visitor
from ours.store import Sealer, binding
from ours.store.queries import destinations, reading_dispatches, visitors


class _Whose(NamedTuple):
    """Whom an event is about: the row, what is known of them, and why that can't be opened, if so."""

    row: Any | None
    profile: Mapping[str, Any]
    unopened: Reason | None


class Wanted(NamedTuple):
    """A try that is wanted, with the row of its event."""

    event: Any
    dispatch_id: str
    number: int
    destination_id: int


class Details:
    """Opens what is sealed. ``clear``: all is shown as it was sent, but for credentials."""

    def __init__(self, connection: Connection, sealer: Sealer, maskers: masks.Maskers, *, clear: bool) -> None:
        self._connection = connection
        self._sealer = sealer
        self._maskers = maskers
        self._covers: dict[int, masks.Cover] = {}
        self._hidden = None if clear else masks.Veil()
        self._veil: Reason | None = None

    def event(self, row: Any) -> Event:
        payload, unopened, whose = self._look_at(row, self._roots([row]))
        said = [(code, describe(code)) for code in (row.notes or "").split(",") if code]
        distinct_id = payload.get("distinct_id")
        return Event(
            row=rows(self._connection, [row])[0],
            kind=row.kind,
            distinct_id=self._shown(str(distinct_id)) if distinct_id else None,
            groups={
                title: self._bag(values) for name, title in masks.GROUPS.items() if (values := _mapping(payload, name))
            },
            warnings=[{**one, "field": self._shown(str(one.get("field")))} for one in payload.get("warnings") or ()],
            notes=[*said, *([("", unopened)] if unopened and not any(_tells(code) for code, _ in said) else [])],
            visitor=self._visitor(whose, row.visitor_id),
            dispatches=[*self._dispatches(row.id), *self._refused(row)],
            clear=self._hidden is None,
        )

    def tries(self, wanted: Sequence[Wanted]) -> Mapping[tuple[str, int], Attempt]:
        """By dispatch and number, those that are there; without what was exchanged, for to mask that takes long."""
        roots = self._roots([one.event for one in wanted]) if self._hidden is not None else {}
        ids, numbers = [one.dispatch_id for one in wanted], {one.number for one in wanted}
        kept = reading_dispatches.attempts_of(self._connection, ids, numbers) if wanted else ()
        rows, found = {(row.dispatch_id, row.number): row for row in kept}, dict[tuple[str, int], Attempt]()
        for one in wanted:
            if row := rows.get((one.dispatch_id, one.number)):
                if self._hidden is not None:
                    self._look_at(one.event, roots)
                found[row.dispatch_id, row.number] = self._attempt(row, None, one.destination_id, exchanged=False)
        return found

    def _roots(self, events: Sequence[Any]) -> Mapping[str, Any]:
        return visitors.roots(self._connection, {one.visitor_id for one in events if one.visitor_id})

    def _look_at(self, row: Any, roots: Mapping[str, Any]) -> tuple[Mapping[str, Any], Reason | None, _Whose]:
        """What the event carries, or why it can't be opened; whose it is. From here on, what is personal is masked."""
        payload, unopened = try_open(self._sealer, row.payload, binding.event(row.id))
        whose = self._whose(roots.get(row.visitor_id))
        if self._hidden is not None:
            said = (_mapping(payload, name) for name in masks.GROUPS)
            self._hidden = masks.Veil(*said, masks.known_of(whose.profile))
            self._veil = unopened or whose.unopened
        return payload, unopened, whose

    def _whose(self, row: Any | None) -> _Whose:
        if row is None:
            return _Whose(None, {}, None)
        return _Whose(row, *try_profile(self._sealer, row))

    def _visitor(self, whose: _Whose, visitor_id: str) -> Visitor | None:
        row, profile, unopened = whose
        if row is None:
            return None
        named = {
            "Visitor id": profile.get("id"),
            "externalId": profile.get("external_id"),
            "Phone": profile.get("phone"),
        }
        facts = self._bag(named) | {"Email, hashed": str(profile.get("email_sha256") or "")[:8]}
        shown = [(label, str(value)) for label, value in facts.items() if value]
        properties = self._bag(_mapping(profile, "properties"))
        return Visitor(row.id, shown, properties, merged=row.id != visitor_id, unopened=unopened)

    def _bag(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return self._hidden.person.bag(values) if self._hidden is not None else dict(values)

    def _shown(self, text: str) -> str:
        return self._hidden.person.text(text) if self._hidden is not None else text

    def _exchange(self, row: Any, destination_id: int) -> tuple[Mapping[str, Any], masks.Cover, Reason | None]:
        """What is kept of a try, and what masks its credentials; nothing, and why, if either can't be opened."""
        place = binding.attempt(row.dispatch_id, row.number)
        try:
            if destination_id not in self._covers:
                self._covers[destination_id] = self._maskers.get(self._connection, destination_id)
            return self._sealer.open_json(row.exchange, place), self._covers[destination_id], None
        except Unsealable as error:
            return {}, masks.NOTHING, reasons.unopened(error.reason)

    def _dispatches(self, event_id: str) -> list[Dispatch]:
        found = reading_dispatches.of_event(self._connection, event_id)
        kept = self._kept([row.id for row in found])
        replays = {row.replay_of: row.id for row in found if row.replay_of}
        return [dispatch(row, self._attempts(kept[row.id], row.destination_id), replays.get(row.id)) for row in found]

    def _refused(self, row: Any) -> list[Dispatch]:
        places = {one.id: one for one in destinations.ever(self._connection)}
        names = {one.id: one.name for one in places.values()}
        lists = destinations.allow_lists(self._connection) if row.refused else {}
        return [
            Dispatch(
                id=None,
                event_id=row.id,
                destination_id=mark.destination_id,
                destination=mark.destination,
                mode=row.mode,
                state=mark.state,
                reason=mark.reason,
                why=describe(mark.reason),
                standing=places[mark.destination_id].status if mark.destination_id in places else None,
                listed=allows(lists.get(mark.destination_id, ()), row.name, row.kind),
            )
            for mark in refusals(row.refused, names)
        ]

    def _kept(self, dispatch_ids: Sequence[str]) -> Mapping[str, list[Any]]:
        """By dispatch, what is kept of its tries, in order."""
        kept: defaultdict[str, list[Any]] = defaultdict(list)
        for row in reading_dispatches.attempts_of(self._connection, dispatch_ids):
            kept[row.dispatch_id].append(row)
        return kept

    def _attempts(self, kept: Sequence[Any], destination_id: int) -> list[Attempt]:
        return [self._attempt(row, before, destination_id) for before, row in pairwise([None, *kept])]

    def _attempt(self, row: Any, before: Any | None, destination_id: int, *, exchanged: bool = True) -> Attempt:
        """``exchanged``: with the request and its answer."""
        ended = before.started_at + before.duration_ms if before else None
        exchange, masker, unopened = self._exchange(row, destination_id)
        if self._veil and not unopened:  # who it is about is unknown, so nothing of theirs could be masked
            exchange, unopened = {"timing": exchange.get("timing")}, self._veil
        hidden = self._hidden and self._hidden.over(exchange.get("person"))
        return Attempt(
            number=row.number,
            started_at=row.started_at,
            duration_ms=row.duration_ms,
            since_last_ms=max(row.started_at - ended, 0) if ended is not None else None,
            outcome=row.outcome,
            code=row.code,
            status=row.status,
            plugin_version=row.plugin_version,
            config_version=row.config_version,
            request=masks.message(exchange.get("request"), masker, hidden) if exchanged else None,
            response=masks.message(exchange.get("response"), masker, hidden) if exchanged else None,
            message=_told(masker.text(exchange.get("message") or ""), hidden),
            timing=exchange.get("timing") or {},
            unopened=unopened,
        )


def dispatch(row: Any, tries: Sequence[Attempt], replayed_by: str | None) -> Dispatch:
    said = tries[-1].message if tries and tries[-1].code == row.reason else ""
    told = row.reason is not None or row.state not in {"delivered", "pending", "sending"}
    return Dispatch(
        id=row.id,
        event_id=row.event_id,
        destination_id=row.destination_id,
        destination=row.destination or f"destination {row.destination_id}",
        mode=row.mode,
        state=row.state,
        reason=row.reason,
        why=as_told(row.reason, said) if told else None,
        due_at=row.due_at,
        replay_of=row.replay_of,
        replayed_by=replayed_by,
        attempts=tuple(tries),
        standing=row.standing,
    )


def _told(text: str, hidden: masks.Veil | None) -> str:
    return hidden.text(text) if hidden is not None else text


def _tells(code: str) -> bool:
    """Whether a note says already that the event, or its visitor, can't be opened."""
    return is_unopened(code.removeprefix(ABANDONED))


def _mapping(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = values.get(name)
    return found if isinstance(found, Mapping) else {}
