"""What no index tells of an event: where its dispatches stand, what its properties say. Told by looking at each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection

from ours.core import ranges
from ours.core.paths import UNDEFINED, follow
from ours.services.opening import try_open
from ours.store import Sealer
from ours.store.queries import reading_dispatches, reading_events

_ADDRESSES = ("current_url", "host", "pathname", "url", "referrer")
Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sieve:
    """``destination_id`` and ``state`` are about one and the same dispatch; ``value`` is what stands at the property
    ``path`` (``cart.items.0.sku``), as text; ``url`` is a part of one of the event's addresses, capitals or not.
    """

    destination_id: int | None = None
    state: str | None = None
    path: str | None = None
    value: str = ""
    url: str | None = None

    def keep(self, connection: Connection, sealer: Sealer, found: Sequence[Any]) -> list[Any]:
        """Those of the events' rows that pass, in their order. One that can't be opened has no property to look at."""
        kept = list(found)
        if self.destination_id is not None or self.state is not None:
            fit = self._by_dispatch(connection, kept)
            kept = [row for row in kept if row.id in fit or self._refused(row.refused)]
        tests = self._tests()
        if tests and kept:
            sealed = reading_events.payloads(connection, [row.id for row in kept])
            opened = {key: try_open(sealer, data, f"events:{key}")[0] for key, data in sealed.items()}
            kept = [row for row in kept if all(test(opened[row.id]) for test in tests)]
        return kept

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

    def _tests(self) -> list[Callable[[Payload], bool]]:
        tests: list[Callable[[Payload], bool]] = []
        if self.path:
            tests.append(self._has_value)
        if self.url:
            tests.append(self._has_address)
        return tests

    def _has_value(self, payload: Payload) -> bool:
        keys = (self.path or "").split(".")
        return any(
            _text(follow(payload.get(bag), keys)) == self.value for bag in ("event_properties", "default_properties")
        )

    def _has_address(self, payload: Payload) -> bool:
        wanted = (self.url or "").casefold()
        bags = (payload.get("default_properties") or {}, payload.get("event_properties") or {})
        return any(wanted in str(bag.get(name) or "").casefold() for bag in bags for name in _ADDRESSES)


def _text(value: Any) -> str | None:
    if value is None or value is UNDEFINED or isinstance(value, Mapping | list):
        return None
    return value if isinstance(value, str) else orjson.dumps(value).decode()
