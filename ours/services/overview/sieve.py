"""What no index tells of an event: where its dispatches stand, what its properties say. Told by looking at each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection

from ours.core import ranges
from ours.core.paths import UNDEFINED, follow
from ours.core.redact import Person
from ours.errors import Unsealable
from ours.services.opening import try_profile
from ours.services.overview.masks import GROUPS, known_of
from ours.store import Sealer, binding
from ours.store.queries import reading_dispatches, visitors

_ADDRESSES = ("current_url", "host", "pathname", "url", "referrer")
Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sieve:
    """``destination_id`` and ``state`` are about one and the same dispatch; ``value`` is what stands at the property
    ``path`` (``cart.items.0.sku``), as text, None: whatever does, of the person's properties too; ``url`` is a part of
    one of the event's addresses, capitals or not.

    Unless ``clear``, both look at what a viewer is shown: what is masked would be found out sign by sign.
    """

    destination_id: int | None = None
    state: str | None = None
    path: str | None = None
    value: str | None = None
    url: str | None = None
    clear: bool = False

    @property
    def opens(self) -> bool:
        """Whether it has to see what is sealed: the rows given to ``keep`` must have their ``payload``."""
        return bool(self.path or self.url)

    def keep(self, connection: Connection, sealer: Sealer, found: Sequence[Any]) -> list[Any]:
        """Those of the events' rows that pass, in their order. One that can't be opened has no property to look at."""
        kept = list(found)
        if self.destination_id is not None or self.state is not None:
            fit = self._by_dispatch(connection, kept)
            kept = [row for row in kept if row.id in fit or self._refused(row.refused)]
        return self._by_content(connection, sealer, kept) if self.opens else kept

    def _by_dispatch(self, connection: Connection, found: Sequence[Any]) -> set[str]:
        return {
            mark.event_id
            for mark in reading_dispatches.marks(connection, [row.id for row in found])
            if self.destination_id in {None, mark.destination_id} and self.state in {None, mark.state}
        }

    def _refused(self, refused: str | None) -> bool:
        """Whether an allow list's refusal is what was asked for: it counts as stopped."""
        places = ranges.read(refused) if self.state in {None, "stopped"} else ()
        return bool(places) if self.destination_id is None else self.destination_id in places

    def _by_content(self, connection: Connection, sealer: Sealer, found: Sequence[Any]) -> list[Any]:
        test = self._test()
        kept = [(row, plain) for row in found if (plain := _opened(sealer, row)) is not None and test(plain)]
        if self.clear:
            return [row for row, _ in kept]
        whose = visitors.roots(connection, {row.visitor_id for row, _ in kept if row.visitor_id})
        return [row for row, plain in kept if self._is_shown(orjson.loads(plain), sealer, whose.get(row.visitor_id))]

    def _is_shown(self, payload: Payload, sealer: Sealer, visitor: Any) -> bool:
        """Whether it passes masked, too. Of a visitor who can't be opened nobody knows what is to be masked."""
        profile, unopened = try_profile(sealer, visitor) if visitor else ({}, None)
        bags = {name: payload.get(name) or {} for name in GROUPS}
        person = Person(*bags.values(), known_of(profile))
        return not unopened and self._passes({name: person.bag(values) for name, values in bags.items()})

    def _test(self) -> Callable[[bytes], bool]:
        """Tells whether what an event carries passes: most does not, and is known by its bytes, before it is read."""
        looked_for = (self.value or "") if self.path else "", (self.url or "").casefold()
        value, address = (orjson.dumps(text)[1:-1] for text in looked_for)  # as they are written in events

        def passes(plain: bytes) -> bool:
            if value not in plain or (plain.isascii() and address not in plain.lower()):
                return False
            return self._passes(orjson.loads(plain))

        return passes

    def _passes(self, payload: Payload) -> bool:
        return (not self.path or self._has_value(payload)) and (not self.url or self._has_address(payload))

    def _has_value(self, payload: Payload) -> bool:
        keys = (self.path or "").split(".")
        if self.value is None:
            return any(_is_there(follow(payload.get(bag), keys)) for bag in GROUPS)
        return any(
            _text(follow(payload.get(bag), keys)) == self.value for bag in ("event_properties", "default_properties")
        )

    def _has_address(self, payload: Payload) -> bool:
        wanted = (self.url or "").casefold()
        bags = (payload.get("default_properties") or {}, payload.get("event_properties") or {})
        texts = (bag.get(name) for bag in bags for name in _ADDRESSES)
        return any(wanted in text.casefold() for text in texts if isinstance(text, str))


def _opened(sealer: Sealer, row: Any) -> bytes | None:
    try:
        return sealer.open(row.payload, binding.event(row.id))
    except Unsealable:
        return None


def _is_there(value: Any) -> bool:
    return value is not None and value is not UNDEFINED and value != ""


def _text(value: Any) -> str | None:
    if value is None or value is UNDEFINED or isinstance(value, dict | list):
        return None
    return value if isinstance(value, str) else orjson.dumps(value).decode()
