"""Who changed what, and who read personal data.

Each change writes its entry in its own transaction: neither stands without the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson
from sqlalchemy import Connection

from ours import clock, ids
from ours.core import subjects
from ours.core.deeds import Verb
from ours.services.actors import Who, name_of, needs
from ours.store import Store
from ours.store.queries import audit as queries


@dataclass(frozen=True, slots=True)
class Entry:
    """One change, or one reading. ``subject`` says of what (``source 3``); ``at`` is in milliseconds."""

    id: str
    at: int
    actor: str
    verb: str
    subject: str
    detail: Mapping[str, Any]


def record(
    connection: Connection, actor: Who, verb: Verb, subject: str, detail: Mapping[str, Any] | None = None
) -> str:
    """Write one entry in the caller's transaction; its id. ``detail`` holds neither secrets nor personal data."""
    entry_id = ids.new_id()
    queries.insert_entry(
        connection,
        {"id": entry_id, "at": clock.now_ms(), "actor": name_of(actor), "verb": verb, "subject": subject,
         "detail": orjson.dumps(detail or {}).decode()},
    )  # fmt: skip
    return entry_id


def one(connection: Connection, entry_id: str) -> Entry | None:
    row = queries.one(connection, entry_id)
    return _entry(row) if row else None


def _entry(row: Any) -> Entry:
    return Entry(**row._asdict() | {"detail": orjson.loads(row.detail)})


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list is narrowed to: exactly this verb or subject, but with a visitor their events, and with an event
    its dispatches; an actor by how the name begins; a window of time (milliseconds; ``since`` belongs to it, ``until``
    does not). None: any.
    """

    actor: str | None = None
    verb: str | None = None
    subject: str | None = None
    since: int | None = None
    until: int | None = None


ALL = Filter()


class Audit:
    """The record, for screens. Nothing of it is ever changed; retention alone takes the oldest away."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @needs("editor", "events:read")
    def note_read(self, subject: str, *, actor: Who) -> None:
        """Write down that personal data, or keys, were read in clear. Whoever can't be written down is shown nothing.

        :raises Busy: when the database can't be written.
        """
        with self._store.write() as connection:
            record(connection, actor, "read", subject)

    @needs("viewer", "events:read")
    def note_found(self, subjects_: Sequence[str], by: str, *, actor: Who) -> None:
        """Write down that these were looked up ``by`` what may name a person.

        :raises Busy: when the database can't be written.
        """
        with self._store.write() as connection:
            for subject in subjects_:
                record(connection, actor, "find", subject, {"by": by})

    @needs("editor")
    def note_sent(self, source_id: int, key_id: int, mode: str, *, actor: Who) -> None:
        """Write down that a person sends by hand with a source's key; the events look like those of its backend.

        :raises Busy: when the database can't be written.
        """
        with self._store.write() as connection:
            record(connection, actor, "send", subjects.source(source_id), {"mode": mode, "key": key_id})

    def latest(self, verb: Verb, subject: str) -> Entry | None:
        """When that was last done to it; None when it never was, or retention has taken the entry away."""
        return next(iter(self.list(1, wanted=Filter(verb=verb, subject=subject))), None)

    def list(self, limit: int = 100, before: str | None = None, wanted: Filter = ALL) -> Sequence[Entry]:
        """The newest entries first; ``before`` is the id of the last one already seen."""
        with self._store.read() as connection:
            rows = queries.page(connection, limit, before, asdict(wanted))
        return [_entry(row) for row in rows]
