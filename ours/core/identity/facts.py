"""What an event says about whom it is about, and the identifiers in it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from ours.core import emails, phones
from ours.plugin.types import Mode

IdentifierKind = Literal["external", "email", "phone"]
Lookup = Callable[..., str]
"""Keyed hash of (mode, kind, value) as 32 hex digits. A visitor's id is the one of (mode, "visitor", public id)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The part of an event that identity needs. ``at`` is when it was received (milliseconds)."""

    event_id: str
    mode: Mode
    at: int
    user_id: str | None = None
    external_id: str | None = None
    email_sha256: str | None = None
    user_properties: Mapping[str, Any] = field(default_factory=dict)


class Identifier(NamedTuple):
    """A fact that names a visitor. ``hash`` stands for it in look-ups."""

    kind: IdentifierKind
    value: str
    hash: str


class Needs(NamedTuple):
    """What a batch of events may touch: hashes of identifiers, and ids of visitors."""

    identifiers: set[str]
    visitors: set[str]


def needs(batch: Iterable[Facts], lookup: Lookup) -> Needs:
    """What to load before ``batch`` is resolved: these, the visitors that hold them, and then ``Book.wanted``."""
    wanted = Needs(set(), set())
    for facts in batch:
        wanted.identifiers.update(identifier.hash for identifier in identifiers(facts, lookup))
        wanted.visitors.add(lookup(facts.mode, "visitor", public_id(facts)))
    return wanted


def public_id(facts: Facts) -> str:
    """What a visitor made by this event is called: the userId, else the event's own id."""
    return facts.user_id or facts.event_id


def identifiers(facts: Facts, lookup: Lookup) -> list[Identifier]:
    """In the order in which they count. A top-level identifier comes before its twin in the user properties."""
    properties = facts.user_properties
    values: dict[IdentifierKind, str | None] = {
        "external": facts.external_id or _text(properties.get("external_id")),
        "email": facts.email_sha256 or _hashed(emails.normalise(properties.get("email"))),
        "phone": phones.normalise(properties.get("phone_number")),
    }
    return [Identifier(kind, value, lookup(facts.mode, kind, value)) for kind, value in values.items() if value]


def named(facts: Facts, lookup: Lookup) -> set[str]:
    """The hashes of all identifiers that it holds, of whomever, and of those too that do not count."""
    twins = replace(facts, external_id=None, email_sha256=None)
    return {one.hash for each in (facts, twins) for one in identifiers(each, lookup)}


def overlooked(facts: Facts) -> list[str]:
    """Notes on what reads like an identifier and names nobody."""
    properties, notes = facts.user_properties, []
    second, email, phone = _text(properties.get("external_id")), properties.get("email"), properties.get("phone_number")
    address = emails.normalise(email)
    if facts.external_id and second and second != facts.external_id:
        notes.append("identifier_ignored:external")
    if email not in (None, "") and address is None:
        notes.append("identifier_ignored:email")
    if facts.email_sha256 and address and emails.hashed(address) != facts.email_sha256:
        notes.append("identifier_conflict:second_email")
    if phone not in (None, "") and phones.normalise(phone) is None:
        notes.append("identifier_ignored:phone")
    return notes


def _hashed(address: str | None) -> str | None:
    return emails.hashed(address) if address else None


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
