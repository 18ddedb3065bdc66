"""What people ask about a visitor. Whoever reads one in clear, exports one or forgets one is written down."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from ours import clock
from ours.core import subjects
from ours.core.deeds import Verb
from ours.core.reasons import Reason
from ours.core.redact import Person
from ours.errors import NotFound
from ours.ids import is_id
from ours.services import audit
from ours.services.actors import RANKS, Actor, Who, needs
from ours.services.opening import try_profile
from ours.services.route import Route
from ours.services.visitors import exporting, finding
from ours.services.visitors.finding import Found
from ours.services.visitors.forgetting import Forgetting
from ours.services.visitors.receipts import Receipt, receipt_of
from ours.store import Store
from ours.store.queries import forgetting as queries
from ours.store.queries import reading_events, visitors


@dataclass(frozen=True, slots=True)
class Identifier:
    """What names a visitor. ``value`` is None when only its hash is kept: a later one of its kind took its place."""

    kind: str
    value: str | None
    attached_at: int


@dataclass(frozen=True, slots=True)
class Profile:
    """All that is known of a visitor. Personal values are masked unless ``clear``. ``merged``: who they were, too.
    ``twins``: visitors of the other mode that the same names name.

    ``unopened``: why nothing of it can be shown, if so.
    """

    id: str
    mode: str
    public_id: str
    created_at: int
    seen_at: int
    identifiers: Sequence[Identifier]
    properties: Mapping[str, Any]
    merged: Sequence[tuple[str, str]]
    twins: Sequence[str]
    clear: bool
    unopened: Reason | None = None


class Visitors:
    """``actor`` is who asks; what they may not is refused here."""

    def __init__(self, store: Store, route: Route, home: Path) -> None:
        self._store = store
        self._forgetting = Forgetting(store, route, home)

    @needs("viewer", "visitors:read")
    def find(self, text: str, kind: str | None = None, *, actor: Who) -> Sequence[Found]:
        """Whom ``text`` names, in test and in live mode; ``kind`` is one of ``KINDS``, or None for any.

        To find somebody by a name tells whose a masked record is: that it was done is written down.

        :raises Invalid: when there is nothing to look for.
        """
        with self._store.read() as connection:
            found = finding.find(connection, self._store.lookup, text, kind)
        for one in found:
            if one.kind != "visitor":  # by the hash that stands in addresses, which names nobody
                self._note(actor, "find", one.id, {"by": one.kind})
        return found

    @needs("viewer", "visitors:read")
    def show(self, visitor_id: str, *, actor: Who) -> Profile:
        """A visitor, or the one they were merged into; in clear to editors, which is written down.

        :raises NotFound: when there is none with that hash.
        """
        clear = not isinstance(actor, Actor) or RANKS[actor.role] >= RANKS["editor"]
        with self._store.read() as connection:
            profile = self._profile(connection, _root(connection, visitor_id), clear=clear)
        if clear:
            self._note(actor, "read", profile.id)
        return profile

    @needs("admin", "visitors:export")
    def export(self, visitor_id: str, *, actor: Who) -> dict[str, Any]:
        """All that is kept about a visitor, as JSON: profile, events, dispatches with what was sent.

        Its ``visitors`` and ``events`` are iterators, read a part at a time while they are taken: they may raise, too,
        see ``Export.document``. That it was exported is written down before.

        :raises NotFound: when there is none with that hash.
        """
        export = self._begin_export(visitor_id)
        self._note_export(actor, export)
        return export.document(self._store, clock.now_ms())

    @needs("admin", "visitors:export")
    def export_in_one_piece(
        self, visitor_id: str, write: Callable[[Mapping[str, Any]], Iterable[str]], *, actor: Who
    ) -> bytes:
        """The same, as ``write`` makes text of it, for those who must have all of it before they show any.

        :raises NotFound: when there is none with that hash.
        :raises TooLarge: when it is more than is given in one piece. Nothing is written down then.
        """
        export = self._begin_export(visitor_id)
        whole = exporting.in_one_piece(export, write(export.document(self._store, clock.now_ms())))
        self._note_export(actor, export)
        return whole

    @needs("admin", "visitors:forget")
    def forget(self, visitor_id: str, *, actor: Who) -> Receipt:
        """For good. What waits is stopped; a destination that was sent something must be told by you: see the receipt.

        :raises NotFound: when there is none with that hash.
        :raises Busy: when a worker keeps something of theirs in hand; try again, and the rest is done.
        """
        receipt = self._forgetting.forget(visitor_id, actor) if is_id(visitor_id) else None
        if receipt is None:
            raise _nobody(visitor_id)
        return receipt

    @needs("viewer", "visitors:read")
    def receipt(self, entry_id: str, *, actor: Who) -> Receipt:  # noqa: ARG002 - it is checked
        """What was said when somebody was forgotten, as the audit log keeps it; it holds nothing of the person.

        :raises NotFound: when that entry keeps no receipt, or is gone.
        """
        with self._store.read() as connection:
            entry = audit.one(connection, entry_id) if is_id(entry_id) else None
            twins = entry.detail.get("twins", ()) if entry else ()
            found = receipt_of(entry, (row.id for row in visitors.by_id(connection, twins))) if entry else None
        if found is None:
            raise NotFound(f"There is no receipt {entry_id[:40]}. The audit log keeps it as long as its other entries.")
        return found

    @needs("admin")
    def reapply_forgotten(self, *, actor: Who) -> Sequence[Receipt]:
        """Forget again whom a restored backup brought back."""
        return self._forgetting.again(actor)

    def left(self) -> int:
        """How many were forgotten and are here all the same: ``reapply_forgotten`` is for them."""
        return len(self._forgetting.left())

    def _profile(self, connection: Connection, root: Any, *, clear: bool) -> Profile:
        profile, unopened = try_profile(self._store.sealer, root)
        family = reading_events.merged_into(connection, root.id)
        held = queries.identifiers_of(connection, family)
        properties = profile.get("properties") or {}
        veil = None if clear else Person(properties, {"phone": profile.get("phone")})
        others = visitors.by_id(connection, family[1:])
        opened = [profile, *(try_profile(self._store.sealer, row)[0] for row in others)]
        return Profile(
            id=root.id,
            mode=root.mode,
            public_id=_public(profile, veil),
            created_at=root.created_at,
            seen_at=root.seen_at,
            identifiers=[self._identifier(row, root.mode, profile, veil) for row in held],
            properties=veil.bag(properties) if veil else properties,
            merged=[(row.id, _public(one, veil)) for row, one in zip(others, opened[1:], strict=True)],
            twins=finding.twins(connection, self._store.lookup, root.mode, opened),
            clear=clear,
            unopened=unopened,
        )

    def _identifier(self, row: Any, mode: str, profile: Mapping[str, Any], veil: Person | None) -> Identifier:
        value = profile.get(finding.FACTS[row.kind])
        if not value or self._store.lookup(mode, row.kind, value) != row.hash:
            return Identifier(row.kind, None, row.attached_at)
        shown = f"{value[:8]}…" if row.kind == "email" else str(veil.value(row.kind, value) if veil else value)
        return Identifier(row.kind, shown, row.attached_at)

    def _begin_export(self, visitor_id: str) -> exporting.Export:
        with self._store.read() as connection:
            return exporting.begin(connection, _root(connection, visitor_id))

    def _note_export(self, actor: Who, export: exporting.Export) -> None:
        self._note(actor, "export", export.root.id, {"events": len(export.event_ids)})

    def _note(self, actor: Who, verb: Verb, visitor_id: str, detail: Mapping[str, Any] | None = None) -> None:
        with self._store.write() as connection:
            audit.record(connection, actor, verb, subjects.visitor(visitor_id), detail)


def _root(connection: Connection, visitor_id: str) -> Any:
    root = visitors.roots(connection, [visitor_id]).get(visitor_id) if is_id(visitor_id) else None
    if root is None:
        raise _nobody(visitor_id)
    return root


def _public(profile: Mapping[str, Any], veil: Person | None) -> str:
    name = str(profile.get("id", ""))
    return veil.text(name) if veil else name


def _nobody(visitor_id: str) -> NotFound:
    return NotFound(f"There is no visitor {visitor_id[:40]}. They may have been forgotten, or never existed.")
