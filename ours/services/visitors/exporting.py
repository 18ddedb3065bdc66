"""Writes out all that is kept about a visitor, for themselves to have: a part at a time, for it may be much.

Each part is read in a short transaction of its own. One that lasted for minutes would keep SQLite's write-ahead log and
PostgreSQL's dead rows where they are.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from ours.clock import iso
from ours.errors import NotFound, TooLarge
from ours.services.opening import try_profile
from ours.services.overview import plain
from ours.store import Sealer, Store
from ours.store.chunks import batched
from ours.store.hand import MOST
from ours.store.queries import forgetting as queries
from ours.store.queries import reading_dispatches, reading_events, visitors

Json = dict[str, Any]
LARGEST = 32 * 1024 * 1024
"""So many bytes are given in one piece."""
_PART = 100
_NAMES = {"id": "visitorId", "external_id": "externalId", "email_sha256": "emailSha256", "phone": "phone"}
_FORGOTTEN = "This visitor was forgotten while this was written out. Keep nothing of it."
_TOO_LARGE = (
    "All that is kept about this visitor is larger than {} MiB, which is too much for an answer. Have it written to a"
    " file, on the server: ours visitor export {} --kind visitor --output FILE"
)


@dataclass(frozen=True, slots=True)
class Export:
    """Whose it is and which events belong to it, as of one moment, with the ``standing`` that they had before."""

    root: Any
    family: Sequence[str]
    event_ids: Sequence[str]
    standing: Any

    def document(self, store: Store, now: int) -> Json:
        """``visitors`` and ``events`` are iterators that read a part whenever one is due, as it stands by then.

        What comes later is not in it. What retention deletes before its part is read is missing. Whoever takes them has
        nothing whole when they raise:

        :raises NotFound: when the visitor was forgotten meanwhile.
        :raises Busy: when the database can't be reached.
        """
        return {
            "exportedAt": iso(now),
            "mode": self.root.mode,
            "visitors": self._parts(store, batched(self.family, MOST), _visitors),
            "events": self._parts(store, batched(self.event_ids, _PART), _events),
        }

    def _parts(self, store: Store, parts: Iterable[list[str]], read: "_Read") -> Iterator[Json]:
        for part in parts:
            with store.read() as connection:
                told = read(connection, store.sealer, part)
                # Last, for it changes with the first thing that forgetting writes, and again with the last.
                standing = queries.standing(connection, self.root.id)
            if standing is None or standing != self.standing:
                raise NotFound(_FORGOTTEN)
            yield from told


_Read = Callable[[Connection, Sealer, Sequence[str]], list[Json]]


def begin(connection: Connection, root: Any) -> Export:
    standing = queries.standing(connection, root.id)  # before what forgetting would take away
    family = reading_events.merged_into(connection, root.id)
    return Export(root, family, queries.events_of(connection, family), standing)


def in_one_piece(export: Export, texts: Iterable[str]) -> bytes:
    """:raises TooLarge: when it would have more than ``LARGEST`` bytes."""
    whole = bytearray()
    for text in texts:
        whole += text.encode()
        if len(whole) > LARGEST:
            raise TooLarge(_TOO_LARGE.format(LARGEST >> 20, export.root.id))
    return bytes(whole)


def _visitors(connection: Connection, sealer: Sealer, ids: Sequence[str]) -> list[Json]:
    return [_visitor(sealer, row) for row in visitors.by_id(connection, ids)]


def _visitor(sealer: Sealer, row: Any) -> Json:
    profile, unopened = try_profile(sealer, row)
    named = {name: profile[key] for key, name in _NAMES.items() if profile.get(key)}
    moments = {"createdAt": iso(row.created_at), "seenAt": iso(row.seen_at)}
    told = {"id": row.id, "mergedInto": row.alias_of, **named, "properties": profile.get("properties", {}), **moments}
    return told | plain.why_not(unopened)


def _events(connection: Connection, sealer: Sealer, event_ids: Sequence[str]) -> list[Json]:
    """A few hundred events, with their dispatches and each try."""
    told = plain.whole(connection, sealer, reading_events.some(connection, event_ids))
    made: defaultdict[str, list[Any]] = defaultdict(list)
    for one in plain.dispatches(connection, sealer, reading_dispatches.of_events(connection, event_ids)):
        made[one["event"]].append(one)
    return [event | {"dispatches": made[event["id"]]} for event in told]
