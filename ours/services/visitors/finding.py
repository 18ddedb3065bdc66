"""Finds a visitor by anything that names them. What is typed is hashed at once and stands nowhere."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from ours import ids
from ours.core import emails, phones
from ours.errors import Invalid
from ours.store import Lookup
from ours.store.queries import visitors as queries

KINDS: Mapping[str, str] = {
    "userId": "userId",
    "externalId": "externalId",
    "email": "email",
    "phone": "phone number",
    "visitor": "visitor's hash, as in addresses of pages",
}
_HELD_AS = {"externalId": "external", "email": "email", "phone": "phone"}
FACTS: Mapping[str, str] = {"external": "external_id", "email": "email_sha256", "phone": "phone"}
_MODES = ("live", "test")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Found:
    """A visitor (a root), and by what kind of identifier they were found."""

    id: str
    mode: str
    kind: str


def find(connection: Connection, lookup: Lookup, text: str, kind: str | None) -> list[Found]:
    """All visitors that ``text`` names; without ``kind``, whatever it may be. At most one a mode and kind.

    :raises Invalid: when there is nothing to look for, or no such kind.
    """
    wanted = text.strip()
    if not wanted or (kind is not None and kind not in KINDS):
        raise Invalid.at("identifier", f"Say what to look for: {', '.join(KINDS.values())}.")
    named = [one for each in ([kind] if kind else KINDS) for one in _ids(connection, lookup, wanted, each)]
    roots = queries.roots(connection, {visitor_id for visitor_id, _ in named})
    there = [(roots[visitor_id], each) for visitor_id, each in reversed(named) if visitor_id in roots]
    found = {row.id: (row, each) for row, each in there}  # the first kind that found them stays
    return [Found(row.id, row.mode, each) for row, each in sorted(found.values(), key=lambda one: one[0].mode)]


def twins(connection: Connection, lookup: Lookup, mode: str, profiles: Iterable[Mapping[str, Any]]) -> list[str]:
    """The visitors of the other mode that one of these names too: the same person, as far as anybody can tell."""
    (other,) = {*_MODES} - {mode}
    known = list(profiles)
    named = {lookup(other, "visitor", str(one["id"])) for one in known if one.get("id")}
    hashes = {lookup(other, kind, str(one[fact])) for one in known for kind, fact in FACTS.items() if one.get(fact)}
    found = queries.roots(connection, named | set(queries.holders(connection, hashes).values()))
    return sorted({row.id for row in found.values()})


def _ids(connection: Connection, lookup: Lookup, text: str, kind: str) -> Iterator[tuple[str, str]]:
    if kind == "visitor":
        yield from [(text, kind)] if ids.is_id(text) else []
    elif kind == "userId":
        yield from ((lookup(mode, "visitor", text), kind) for mode in _MODES)
    elif value := _value(kind, text):
        hashes: Sequence[str] = [lookup(mode, _HELD_AS[kind], value) for mode in _MODES]
        yield from ((visitor_id, kind) for visitor_id in queries.holders(connection, hashes).values())


def _value(kind: str, text: str) -> str | None:
    """What identity resolution would have made of it."""
    if kind == "phone":
        return phones.normalise(text)
    if kind == "email":
        return text if _SHA256.fullmatch(text) else emails.hashed(text)
    return text
