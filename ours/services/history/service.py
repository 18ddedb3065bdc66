"""Looks at versions, compares them, and rolls back to one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ours.core import subjects
from ours.core.diffing import Difference, differences
from ours.errors import NotFound
from ours.plugin import Destination as Plugin
from ours.registry import Registry
from ours.services.actors import Who, needs
from ours.services.destinations import Destinations
from ours.services.destinations import settings as sealed
from ours.services.destinations.config import from_document
from ours.services.rules.service import Governance, from_documents
from ours.services.versions import GOVERNANCE, open_document
from ours.store import Store
from ours.store.queries import destinations
from ours.store.queries import versions as queries


@dataclass(frozen=True, slots=True)
class Version:
    """``document`` is what was set from then on, secrets masked; empty in lists."""

    id: str
    subject: str
    number: int
    at: int
    actor: str
    verb: str
    why: str
    document: Mapping[str, Any] = field(default_factory=dict)


class History:
    """``subject`` is ``governance``, or ``destination 3``."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry
        self._destinations = Destinations(store, registry)
        self._governance = Governance(store)

    def list(self, subject: str | None = None, limit: int = 50, before: str | None = None) -> Sequence[Version]:
        """The newest first; ``before`` is the id of the last one already seen."""
        with self._store.read() as connection:
            return [Version(*row) for row in queries.page(connection, subject, limit, before)]

    def show(self, subject: str, number: int) -> Version:
        """:raises NotFound: when there is no such version."""
        row, document = self._open(subject, number)
        shown = _masked(self._plugin(subject), document)
        return Version(row.id, row.subject, row.number, row.at, row.actor, row.verb, row.why, shown)

    def diff(self, subject: str, older: int, newer: int | None = None) -> Sequence[Difference]:
        """What changed between two versions, or since one; secrets masked, a changed one says so.

        :raises NotFound: when there is no such version.
        """
        newest = newer if newer is not None else self._newest(subject)
        plugin = self._plugin(subject)
        (_, old), (_, new) = self._open(subject, older), self._open(subject, newest)
        return masked_differences(plugin, old, new)

    @needs("editor", "destinations:write")
    def roll_back(self, subject: str, number: int, *, actor: Who, why: str = "", override: str = "") -> Version:
        """Set all as that version has it: a new version.

        :raises Invalid: when it does not fit any more: a setting that its plugin asks for now, say; or when it
            was removed.
        """
        _, document = self._open(subject, number)
        why = why or f"Back to version {number}."
        destination_id = subjects.destination_of(subject)
        if destination_id is None:
            self._governance.put(from_documents(document["rules"]), actor=actor, verb="roll_back", why=why)
        else:
            self._destinations.restore(destination_id, from_document(document), actor=actor, why=why, override=override)
        return self.show(subject, self._newest(subject))

    def subject(self, name: str) -> str:
        """``governance``, or the subject of the destination of that name or id, be it removed.

        :raises NotFound: saying which destinations there are.
        """
        if name == GOVERNANCE:
            return GOVERNANCE
        return subjects.destination(self._destinations.find(name, removed=True).id)

    def _newest(self, subject: str) -> int:
        with self._store.read() as connection:
            return queries.newest_number(connection, subject)

    def _open(self, subject: str, number: int) -> tuple[Any, dict[str, Any]]:
        with self._store.read() as connection:
            row = queries.one(connection, subject, number)
        if row is None:
            raise NotFound(f"There is no version {number} of {subject}. `ours history list` shows those there are.")
        return row, open_document(self._store.sealer, row)

    def _plugin(self, subject: str) -> Plugin | None:
        destination_id = subjects.destination_of(subject)
        if destination_id is None:
            return None
        with self._store.read() as connection:
            row = destinations.one(connection, destination_id)
        return self._registry.plugin(row.slug) if row is not None else None


def masked_differences(plugin: Plugin | None, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """Field by field. A secret that changed is told to have changed, and neither value is."""
    found = differences(_by_name(_masked(plugin, old)), _by_name(_masked(plugin, new)))
    before, after = old.get("settings", {}), new.get("settings", {})
    told = {one.path.split(".")[1] for one in found if one.path.startswith("settings.")}
    hidden = [name for name in {*before, *after} if before.get(name) != after.get(name) and name not in told]
    return [
        *found,
        *(Difference(f"settings.{name}", sealed.MASK, f"{sealed.MASK} (changed)") for name in sorted(hidden)),
    ]


def _by_name(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """An allow list has no order: by its places, a name that was added would seem to change those behind it."""
    return {**document, "events": dict.fromkeys(document["events"], "allowed")} if "events" in document else document


def _masked(plugin: Plugin | None, document: Mapping[str, Any]) -> dict[str, Any]:
    """``document`` to be shown. What was secret then stays so, though the plugin of now calls it plain."""
    told = dict(document)
    secrets = told.pop("secrets", ())
    if "settings" not in told:
        return told
    shown = sealed.without_secrets(sealed.show(plugin, told["settings"]))
    plain = sealed.plain_settings(plugin) if plugin else ()
    shown |= {name: sealed.MASK for name in secrets if name in plain}
    return told | {"settings": {name: shown.get(name, sealed.MASK) for name in told["settings"]}}
