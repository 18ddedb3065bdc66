"""Compares the file with what there is, and makes it so: first the whole plan, then one change after the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ours.errors import Invalid
from ours.services.actors import Who
from ours.services.apply.section import Change, How, Section


@dataclass(frozen=True, slots=True)
class Plan:
    """What would change. A plan without changes means that all is as the file says."""

    changes: Sequence[Change]

    def make(self, actor: Who) -> None:
        """Do it, each change with its own entry in the audit log. Applying the file again does what was left."""
        for change in self.changes:
            change.make(actor)


class Configuration:
    """``sections`` in the order in which they are applied: what others refer to comes first."""

    def __init__(self, sections: Sequence[Section]) -> None:
        self._sections = sections

    def export(self, *, references: bool = False) -> dict[str, Any]:
        """All sections as they are now. ``references``: secrets as ``${NAME}``, which another installation can have."""
        return {section.name: dict(section.export(references=references)) for section in self._sections}

    def plan(self, given: Mapping[str, Any], environ: Mapping[str, str], *, prune: bool = False) -> Plan:
        """:raises Invalid: when anything in the file can't be. Nothing is changed by planning."""
        known = [section.name for section in self._sections]
        for name in given:
            if name not in known:
                raise Invalid(f'There is no section "{name}". There are: {", ".join(known)}.')
        how = How(environ, prune)
        return Plan(
            [
                change
                for section in self._sections
                if section.name in given
                for change in section.plan(given[section.name] or {}, how)
            ]
        )
