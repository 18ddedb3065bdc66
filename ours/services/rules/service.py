"""What can be done with the governance rules. They are changed as a whole, and each change is a version."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import orjson
from sqlalchemy import Connection

from ours import clock
from ours.core import governance as core
from ours.core import logic
from ours.core.agreements import CATEGORIES
from ours.core.deeds import Verb
from ours.core.governance import EVERY, LONGEST_NAME
from ours.errors import Invalid, NotFound
from ours.services import audit, naming
from ours.services.actors import Who, needs
from ours.services.rules.telling import told
from ours.services.versions import GOVERNANCE, Change, check_seen, keep
from ours.store import Store
from ours.store.queries import destinations
from ours.store.queries import rules as queries
from ours.store.queries.versions import newest_number

MOST_RULES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule as people write it. ``covers``: ids of destinations, names of categories, or ``*``."""

    name: str
    covers: Sequence[int | str]
    logic: Any
    note: str = ""
    enabled: bool = True
    id: int | None = None

    def document(self) -> dict[str, Any]:
        return {"name": self.name, "note": self.note, "enabled": self.enabled, "covers": list(self.covers),
                "logic": self.logic}  # fmt: skip


class Governance:
    """``actor`` is who does it: a person's email, or ``cli``."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list(self) -> Sequence[Rule]:
        """In the order in which they are asked. Destinations that were removed are left out."""
        with self._store.read() as connection:
            return _rules(connection)

    def version(self) -> int:
        """Of all the rules together; 0 before the first change."""
        with self._store.read() as connection:
            return newest_number(connection, GOVERNANCE)

    def find(self, name_or_id: str | int) -> Rule:
        """:raises NotFound: saying which rules there are."""
        known = self.list()
        named = [naming.Named(rule.id or 0, rule.name) for rule in known]
        found = naming.find(name_or_id, named, "rule")
        return next(rule for rule in known if rule.id == found)

    @needs("editor", "destinations:write")
    def add(self, rule: Rule, *, actor: Who, why: str = "") -> Rule:
        """A new one, asked last.

        :raises Invalid: naming each wrong field.
        """
        with self._held() as known:
            return self.put([*known, rule], actor=actor, verb="add_rule", why=why)[-1]

    @needs("editor", "destinations:write")
    def change(self, rule_id: int, *, actor: Who, why: str = "", **changes: Any) -> Rule:
        """Other values for some of a rule's fields.

        :raises NotFound: when it is not there.
        """
        with self._held() as known:
            if all(rule.id != rule_id for rule in known):
                raise NotFound("This rule no longer exists.")
            after = [_changed(rule, changes) if rule.id == rule_id else rule for rule in known]
            put = self.put(after, actor=actor, verb="change_rule", why=why)
        return next(rule for rule in put if rule.id == rule_id)

    @needs("editor", "destinations:write")
    def remove(self, rule_id: int, *, actor: Who, why: str = "") -> None:
        with self._held() as known:
            self.put([rule for rule in known if rule.id != rule_id], actor=actor, verb="remove_rule", why=why)

    @needs("editor", "destinations:write")
    def move(self, rule_id: int, place: int, *, actor: Who) -> Sequence[Rule]:
        """Have it asked as the first (1), the second, …"""
        with self._held() as known:
            moved = [rule for rule in known if rule.id == rule_id]
            rest = [rule for rule in known if rule.id != rule_id]
            at = min(max(place, 1) - 1, len(rest))
            return self.put([*rest[:at], *moved, *rest[at:]], actor=actor, verb="order_rules")

    @contextmanager
    def _held(self) -> Iterator[Sequence[Rule]]:
        """The rules, which nobody else changes before the block ends: so that of two at once neither is dropped."""
        with self._store.whole(), self._store.write() as connection:
            queries.hold(connection)
            yield _rules(connection)

    def check(self, wanted: Sequence[Rule]) -> Sequence[Rule]:
        """The rules as they would be put.

        :raises Invalid: naming each wrong field.
        """
        with self._store.read() as connection:
            return _all_checked(connection, wanted)

    @needs("editor", "destinations:write")
    def put(
        self, wanted: Sequence[Rule], *, actor: Who, verb: Verb = "set_rules", why: str = "", seen: int | None = None
    ) -> Sequence[Rule]:
        """Let these be all the rules, in this order. ``seen``: the version that the change began with.

        :raises Invalid: naming each wrong field, or when they were changed since ``seen``; nothing is changed then.
        """
        with self._store.write() as connection:
            queries.hold(connection)
            number = newest_number(connection, GOVERNANCE)
            check_seen(connection, GOVERNANCE, number, seen)
            before, checked = _rules(connection), _all_checked(connection, wanted)
            now = clock.now_ms()
            queries.replace_all(connection, [_row(rule, place, now) for place, rule in enumerate(checked, 1)])
            document = {"rules": [rule.document() for rule in checked]}
            keep(connection, self._store.sealer, GOVERNANCE, number + 1, Change(actor, verb, why), document)
            detail: dict[str, Any] = {**told(_by_name(before), _by_name(checked)), "version": number + 1}
            audit.record(connection, actor, verb, GOVERNANCE, detail | ({"why": why} if why else {}))
            return _rules(connection)


def core_rules(written: Sequence[Rule]) -> tuple[core.Rule, ...]:
    """Those that are switched on, ready to be asked."""
    return tuple(
        core.Rule(rule.name, frozenset(rule.covers), logic.read(rule.logic)) for rule in written if rule.enabled
    )


def _all_checked(connection: Connection, wanted: Sequence[Rule]) -> list[Rule]:
    known, there = {row.id for row in destinations.rows(connection)}, _rules(connection)
    left_with_none, kept = {rule.id for rule in there if not rule.covers}, [rule.name for rule in there]
    if len(wanted) > MOST_RULES:
        raise _wrong("", f"There can be at most {MOST_RULES} rules.")
    checked = [checked_rule(rule, known, left=rule.id in left_with_none, kept=kept) for rule in wanted]
    names = [rule.name.casefold() for rule in checked]
    if double := next((rule.name for rule in checked if names.count(rule.name.casefold()) > 1), None):
        raise _wrong("name", f"“{double}” exists already. Choose another name.")
    return checked


def from_documents(documents: Sequence[Mapping[str, Any]]) -> list[Rule]:
    """Rules out of a version, or out of a file.

    :raises Invalid: when one has another form.
    """
    rules: Any = [
        {"covers": [], "logic": None, "name": "", "note": "", "enabled": True} | dict(one) for one in documents
    ]
    if any(not isinstance(one["enabled"], bool) or not isinstance(one["note"], str) for one in rules):
        raise _wrong("enabled", "Of a rule, enabled is true or false, and note is text.")
    try:
        return [Rule(**one) for one in rules]
    except TypeError:
        raise Invalid("A rule has a name, covers, logic, and perhaps note and enabled; nothing else.") from None


def checked_rule(rule: Rule, known: Collection[int | str], *, left: bool = False, kept: Collection[str] = ()) -> Rule:
    """The rule as it is kept. ``known``: the destinations there are; ``left``: all that it covered were removed;
    ``kept``: the names of the rules there are.

    :raises Invalid: naming each wrong field.
    """
    name = naming.clean(rule.name, kept)
    if len(name) > LONGEST_NAME:
        raise _wrong("name", f"A rule's name has at most {LONGEST_NAME} characters.")
    covers = [one for one in dict.fromkeys(rule.covers) if one in known or one in CATEGORIES or one == EVERY]
    if not covers and not left:
        raise _wrong("covers", "Say which destinations it covers: their names, categories, or all.")
    try:
        logic.read(rule.logic)
    except logic.LogicInvalid as error:
        errors = {f"logic.{place}" if place else "logic": told for place, told in error.errors.items()}
        raise Invalid(str(error), errors) from None
    return replace(rule, name=name, note=rule.note.strip()[:2000], covers=covers)


def _by_name(rules: Sequence[Rule]) -> dict[str, dict[str, Any]]:
    return {rule.name: rule.document() for rule in rules}


def _changed(rule: Rule, changes: Mapping[str, Any]) -> Rule:
    return Rule(**{"id": rule.id, **rule.document(), **{name: one for name, one in changes.items() if one is not None}})


def _rules(connection: Connection) -> list[Rule]:
    known = {row.id for row in destinations.rows(connection)}
    return [
        Rule(
            id=row.id, name=row.name, note=row.note, enabled=row.enabled, logic=orjson.loads(row.logic),
            covers=[one for one in orjson.loads(row.covers) if not isinstance(one, int) or one in known],
        )
        for row in queries.rows(connection)
    ]  # fmt: skip


def _row(rule: Rule, position: int, now: int) -> dict[str, Any]:
    values = {
        "position": position, "name": rule.name, "note": rule.note, "enabled": rule.enabled, "updated_at": now,
        "covers": orjson.dumps(rule.covers).decode(), "logic": orjson.dumps(rule.logic).decode(),
    }  # fmt: skip
    return values | ({"id": rule.id} if rule.id is not None else {})


def _wrong(place: str, sentence: str) -> Invalid:
    return Invalid(sentence, {place: [sentence]} if place else {})
