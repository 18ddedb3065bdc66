"""The visitors and identifiers that a batch of events may touch, held in memory, and what of them was changed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ours.core.identity.facts import Facts, Identifier, IdentifierKind, Lookup, public_id
from ours.core.identity.profile import Profile, merged
from ours.plugin.types import Mode


@dataclass(slots=True)
class Record:
    """A visitor. An alias was merged into another visitor and keeps nothing but its name."""

    id: str
    mode: Mode
    born: str
    created_at: int
    seen_at: int
    profile: Profile
    alias_of: str | None = None

    @property
    def age(self) -> tuple[str, str]:
        """The smaller, the older: event ids sort by time."""
        return self.born, self.id

    @property
    def external_id(self) -> str | None:
        return self.profile.get("external_id")


class Holding(NamedTuple):
    """An identifier and the visitor it names."""

    hash: str
    visitor_id: str
    kind: IdentifierKind
    attached_at: int


class Changes(NamedTuple):
    """What to write in one go.

    ``visitors`` and ``holdings`` are new or changed rows, whole. ``absorbed`` maps each visitor that became an alias to
    its root: every stored alias of the former, and every identifier it holds, must name the latter from now on.
    """

    visitors: list[Record]
    holdings: list[Holding]
    absorbed: dict[str, str]


class Book:
    """Loaded by the caller, who hands over everything that ``needs`` and then ``wanted`` ask for."""

    def __init__(
        self, lookup: Lookup, visitors: Iterable[Record] = (), identifiers: Mapping[str, str] | None = None
    ) -> None:
        """:param identifiers: hash → visitor id, as stored."""
        self.lookup = lookup
        self._visitors: dict[str, Record] = {}
        self._holders = dict(identifiers or {})
        self._touched: dict[str, Record] = {}
        self._attached: dict[str, Holding] = {}
        self._absorbed: set[str] = set()
        self.add(visitors)

    def add(self, visitors: Iterable[Record]) -> None:
        self._visitors.update((record.id, record) for record in visitors)

    def wanted(self) -> set[str]:
        """The visitors that loaded aliases and identifiers name and that are not loaded yet."""
        named = {record.alias_of for record in self._visitors.values() if record.alias_of} | set(self._holders.values())
        return named - self._visitors.keys()

    def visitor(self, visitor_id: str) -> Record | None:
        """The root of a visitor: itself, or the one that it was merged into."""
        record = self._visitors.get(visitor_id)
        while record and record.alias_of:
            record = self._visitors.get(record.alias_of)
        return record

    def named(self, mode: Mode, name: str) -> Record | None:
        """The visitor with this public id."""
        return self.visitor(self.lookup(mode, "visitor", name))

    def holder(self, identifier: Identifier) -> Record | None:
        """The visitor that an identifier names."""
        visitor_id = self._holders.get(identifier.hash)
        return self.visitor(visitor_id) if visitor_id else None

    def bear(self, facts: Facts) -> Record:
        """A new visitor, made by this event."""
        name = public_id(facts)
        visitor_id = self.lookup(facts.mode, "visitor", name)
        record = Record(visitor_id, facts.mode, facts.event_id, facts.at, facts.at, {"id": name, "properties": {}})
        self._visitors[visitor_id] = self._touched[visitor_id] = record
        return record

    def attach(self, identifier: Identifier, visitor: Record, at: int) -> None:
        self._holders[identifier.hash] = visitor.id
        self._attached[identifier.hash] = Holding(identifier.hash, visitor.id, identifier.kind, at)

    def merge(self, one: Record, other: Record) -> tuple[Record, bool]:
        """Make the younger an alias of the older, which is returned, and whether it had room for all that is known."""
        older, younger = sorted((one, other), key=lambda record: record.age)
        older.profile, whole = merged(older.profile, younger.profile)
        older.created_at = min(older.created_at, younger.created_at)
        older.seen_at = max(older.seen_at, younger.seen_at)
        younger.profile = {"id": younger.profile["id"], "properties": {}}
        younger.alias_of = older.id
        self._touched |= {older.id: older, younger.id: younger}
        self._absorbed.add(younger.id)
        return older, whole

    def touch(self, visitor: Record, at: int) -> None:
        visitor.seen_at = max(visitor.seen_at, at)
        self._touched[visitor.id] = visitor

    def changes(self) -> Changes:
        """What differs from what was loaded; every alias and identifier in it names a root."""
        for record in self._touched.values():
            if record.alias_of:
                record.alias_of = self._root(record.alias_of)
        holdings = [holding._replace(visitor_id=self._root(holding.visitor_id)) for holding in self._attached.values()]
        absorbed = {visitor_id: self._root(visitor_id) for visitor_id in self._absorbed}
        return Changes(list(self._touched.values()), holdings, absorbed)

    def _root(self, visitor_id: str) -> str:
        root = self.visitor(visitor_id)
        return root.id if root else visitor_id
