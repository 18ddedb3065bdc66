"""Who changed what, and when. Each change writes its entry in its own transaction: neither stands without the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection

from ours import clock, ids
from ours.services.actors import Who, name_of
from ours.store import Store
from ours.store.queries import audit as queries


@dataclass(frozen=True, slots=True)
class Entry:
    """One change. ``subject`` says of what (``source 3``); ``at`` is in milliseconds."""

    id: str
    at: int
    actor: str
    verb: str
    subject: str
    detail: Mapping[str, Any]


def record(
    connection: Connection, actor: Who, verb: str, subject: str, detail: Mapping[str, Any] | None = None
) -> None:
    """Write one entry in the caller's transaction. ``detail`` holds neither secrets nor personal data."""
    queries.insert_entry(
        connection,
        {"id": ids.new_id(), "at": clock.now_ms(), "actor": name_of(actor), "verb": verb, "subject": subject,
         "detail": orjson.dumps(detail or {}).decode()},
    )  # fmt: skip


class Audit:
    """The record of changes, for screens."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list(self, limit: int = 100, before: str | None = None) -> Sequence[Entry]:
        """The newest entries first; ``before`` is the id of the last one already seen."""
        with self._store.read() as connection:
            rows = queries.page(connection, limit, before)
        return [Entry(**row._asdict() | {"detail": orjson.loads(row.detail)}) for row in rows]
