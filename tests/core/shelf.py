"""A store of visitors in a dict: what the route station does with a database, for tests of identity."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from ours.core.identity import Book, Facts, Record, Resolution, needs, resolve
from ours.store import Lookup

lookup = Lookup(b"k" * 32)


class Shelf:
    """Keeps rows as JSON text, so that nothing stays shared between batches."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {}
        self.holders: dict[str, str] = {}
        self.told: dict[str, Resolution] = {}

    def run(self, batch: Sequence[Facts]) -> list[Resolution]:
        wanted = needs(batch, lookup)
        held = {hash_: self.holders[hash_] for hash_ in wanted.identifiers if hash_ in self.holders}
        book = Book(lookup, self._load(wanted.visitors | set(held.values())), held)
        book.add(self._load(book.wanted()))
        resolutions = [resolve(book, facts) for facts in batch]
        self._save(book)
        self.told |= {facts.event_id: found for facts, found in zip(batch, resolutions, strict=True)}
        return resolutions

    def visitor(self, visitor_id: str) -> Record:
        """The root of a visitor."""
        record = self._record(visitor_id)
        return self._record(record.alias_of) if record.alias_of else record

    def named(self, public_id: str, mode: str = "live") -> Record:
        return self.visitor(lookup(mode, "visitor", public_id))

    def holder(self, kind: str, value: str, mode: str = "live") -> Record | None:
        visitor_id = self.holders.get(lookup(mode, kind, value))
        return self._record(visitor_id) if visitor_id else None

    def records(self) -> list[Record]:
        return [self._record(visitor_id) for visitor_id in self.rows]

    def roots(self) -> list[Record]:
        return [record for record in self.records() if not record.alias_of]

    def _record(self, visitor_id: str) -> Record:
        return Record(**json.loads(self.rows[visitor_id]))

    def _load(self, ids: Iterable[str]) -> list[Record]:
        return [self._record(visitor_id) for visitor_id in ids if visitor_id in self.rows]

    def _save(self, book: Book) -> None:
        changes = book.changes()
        for record in self.records():
            if record.alias_of in changes.absorbed:
                record.alias_of = changes.absorbed[record.alias_of]
                self._write(record)
        self.holders = {hash_: changes.absorbed.get(of, of) for hash_, of in self.holders.items()}
        self.holders |= {holding.hash: holding.visitor_id for holding in changes.holdings}
        for record in changes.visitors:
            self._write(record)

    def _write(self, record: Record) -> None:
        values: dict[str, Any] = asdict(record)
        self.rows[record.id] = json.dumps(values)
