"""Compares the file with what there is, and makes it so: first the whole plan, then all of it at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ours.errors import Changed, Invalid
from ours.services import naming
from ours.services.actors import Who
from ours.services.apply.section import Change, How, Section
from ours.store import Store
from ours.store.queries import destinations
from ours.store.queries.naming import hold as hold_names

_STALE = (
    "Somebody changed what this plan changes after it was made, so nothing was applied. Do it again, and see it anew."
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What would change. A plan without changes means that all is as the file says."""

    changes: Sequence[Change]
    store: Store = field(repr=False)

    def make(self, actor: Who) -> None:
        """Do it, all or nothing, each change with its own entry in the audit log.

        No event meets half of it: a new destination without the rule that guards it, say.

        :raises Changed: when what it changes was changed by others since it was made.
        """
        try:
            with self.store.whole(), self.store.write() as connection:
                hold_names(connection, "sources")
                hold_names(connection, "destinations")
                destinations.hold_all(connection)
                for change in self.changes:
                    change.make(actor)
        except Changed as error:
            raise Changed(_STALE, error.errors) from None


class Configuration:
    """``sections`` in the order in which they are applied: what others refer to comes first."""

    def __init__(self, store: Store, sections: Sequence[Section]) -> None:
        self._store = store
        self._sections = sections

    def export(self, *, references: bool = False) -> dict[str, Any]:
        """All sections as they are now. ``references``: secrets as ``${NAME}``, which another installation can have."""
        return {section.name: section.export(references=references) for section in self._sections}

    def plan(self, given: Mapping[str, Any], environ: Mapping[str, str], *, prune: bool = False, why: str = "") -> Plan:
        """:raises Invalid: when anything in the file can't be. Nothing is changed by planning."""
        known = [section.name for section in self._sections]
        for name in given:
            if name not in known:
                raise Invalid(f'There is no section "{name}". There are: {", ".join(known)}.')
        how = How(environ, prune, why, {name: _names(section) for name, section in given.items()})
        changes = [
            change
            for section in self._sections
            if section.name in given
            for change in section.plan(given[section.name] or {}, how)
        ]
        return Plan(changes, self._store)


def _names(section: Any) -> Mapping[str, str]:
    """By how they look.

    :raises Invalid: when two look alike: which of them is meant can't be known.
    """
    known: dict[str, str] = {}
    for name in section if isinstance(section, dict) else ():
        key = naming.look(str(name))
        if key in known:
            raise Invalid(f'"{known[key]}" and "{name}" are the same name. Write it once.')
        known[key] = str(name).strip()
    return known
