"""Finds the visitor of one event, attaches its identifiers, and merges the visitors that they show to be one.

The rule above all others: two visitors that carry different externalIds are never merged, and an event that names an
externalId is never given, by an email or a phone number, to a visitor that carries another. Where a userId gives it to
one that does, as on a device that two people share, the event is theirs; but what it says of the person is not.
"""

from collections.abc import Iterable
from typing import NamedTuple

from ours.core.identity.book import Book, Record
from ours.core.identity.facts import Facts, Identifier, identifiers, overlooked, public_id
from ours.core.identity.profile import updated, warned

_FULL = "custom_properties_full"
_FIELDS = {"external": "external_id", "email": "email_sha256", "phone": "phone"}


class Resolution(NamedTuple):
    """The visitor (a root) that an event belongs to, and what the event's record should say about it, as codes."""

    visitor_id: str
    notes: list[str]


def resolve(book: Book, facts: Facts) -> Resolution:
    """Decide whose an event is, in memory. Identifiers that nobody holds attach to its visitor.

    One held by another visitor makes the two one, the younger an alias of the older; unless both carry an externalId,
    and not the same: then it stays where it is and a note says so. The event's own properties come on top.

    When the event's own externalId is not the visitor's, nothing of it is attached or kept but what it rejects.
    """
    named, notes = identifiers(facts, book.lookup), overlooked(facts)
    visitor = _find(book, facts, named) or book.bear(facts)
    if _is_another(visitor, named):
        visitor.profile = warned(visitor.profile, facts.user_properties, facts.event_id)
        book.touch(visitor, facts.at)
        return Resolution(visitor.id, [*notes, "identifier_conflict:external"])
    for identifier in named:
        holder = book.holder(identifier)
        if _conflict(visitor, holder):
            notes.append(f"identifier_conflict:{identifier.kind}")
            continue
        if holder is None:
            book.attach(identifier, visitor, facts.at)
        elif holder is not visitor:
            visitor, fits = book.merge(visitor, holder)
            notes += ["visitors_merged"] if fits else ["visitors_merged", _FULL]
        visitor.profile[_FIELDS[identifier.kind]] = identifier.value
    visitor.profile, fits = updated(visitor.profile, facts.user_properties, facts.event_id)
    book.touch(visitor, facts.at)
    notes += [] if fits else [_FULL]
    return Resolution(visitor.id, list(dict.fromkeys(notes)))


def _find(book: Book, facts: Facts, named: Iterable[Identifier]) -> Record | None:
    """The visitor that the userId names, else the first identifier whose holder may be meant.

    At last the one that this very event made, should it be resolved a second time.
    """
    external_id = next((identifier.value for identifier in named if identifier.kind == "external"), None)
    for identifier in named if not facts.user_id else ():
        holder = book.holder(identifier)
        if holder and (external_id is None or holder.external_id in (None, external_id)):
            return holder
    return book.named(facts.mode, public_id(facts))


def _is_another(visitor: Record, named: Iterable[Identifier]) -> bool:
    """Whether the event names somebody with another externalId than its visitor carries."""
    return any(one.kind == "external" and visitor.external_id not in (None, one.value) for one in named)


def _conflict(visitor: Record, holder: Record | None) -> bool:
    """Whether to make one of them would bring two externalIds together."""
    return holder is not None and len({visitor.external_id, holder.external_id} - {None}) > 1
