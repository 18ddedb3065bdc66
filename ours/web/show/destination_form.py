"""Reads the form of a destination: settings by their kind, the choice of events, the mapping's rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from werkzeug.datastructures import MultiDict

from ours.core.allow import ALL
from ours.errors import Invalid
from ours.plugin import IDENTIFY
from ours.plugin import Destination as Plugin
from ours.plugin.settings import SettingInfo
from ours.services.destinations import Destination

Choice = Literal["all", "these", "none"]
_NAME_ONE = "Name at least one event, one a line, or choose that none may leave yet."


@dataclass(frozen=True, slots=True)
class Typed:
    """What the form holds: as typed, or as it stands. ``choice`` is None until somebody has chosen."""

    name: str
    settings: Mapping[str, Any] = field(repr=False)
    choice: Choice | None
    names: str
    identify: bool
    mapping: Mapping[str, Any]
    category: str = ""
    agreement: str = "none"
    sources: Sequence[int] = ()
    override: str = ""
    why: str = ""

    @property
    def rows(self) -> Sequence[tuple[str, str]]:
        """The mapping's rows, and two to fill in."""
        return [*self.mapping.items(), ("", ""), ("", "")]

    @property
    def words(self) -> dict[str, Any]:
        """What is kept with the change, and why sensitive fields may leave."""
        return {"why": self.why, "override": self.override}

    @property
    def given(self) -> dict[str, Any]:
        """What the service takes, but for the mapping.

        :raises Invalid: as ``events`` does.
        """
        return {"name": self.name, "settings": self.settings, "events": self.events, "category": self.category,
                "agreement": self.agreement, "sources": self.sources}  # fmt: skip

    @property
    def events(self) -> Sequence[str]:
        """The allow list. Nothing chosen lets nothing out.

        :raises Invalid: when only some events are to go, and none is named.
        """
        if self.choice not in {"all", "these"}:
            return []
        names = [ALL] if self.choice == "all" else [line for line in self.names.splitlines() if line.strip()]
        names += [IDENTIFY] if self.identify else []
        if not names:
            raise Invalid.at("events", _NAME_ONE)
        return names


def blank(plugin: Plugin) -> Typed:
    """A new destination's form. Nothing is chosen for the operator: which events may leave is theirs to say."""
    return Typed(plugin.label, {}, None, "", identify=False, mapping={})


def of(found: Destination) -> Typed:
    """A destination's form as it stands; secrets are not in it."""
    named = [name for name in found.events if name not in {ALL, IDENTIFY}]
    choice: Choice = "all" if ALL in found.events else "these" if found.events else "none"
    return Typed(
        found.name, found.settings_shown, choice, "\n".join(named), IDENTIFY in found.events, found.mapping,
        found.own_category, found.agreement, found.sources,
    )  # fmt: skip


def read(form: MultiDict[str, str], infos: Sequence[SettingInfo]) -> Typed:
    choice = form.get("choice")
    pairs = zip(form.getlist("map_field"), form.getlist("map_template"), strict=False)
    return Typed(
        name=form.get("name", ""),
        settings={info.name: _value(form, info) for info in infos},
        choice="all" if choice == "all" else "these" if choice == "these" else "none",
        names=form.get("names", ""),
        identify="identify" in form,
        mapping={name.strip(): template.strip() for name, template in pairs if name.strip()},
        category=form.get("category", ""),
        agreement=form.get("agreement", "none"),
        sources=form.getlist("sources", type=int),
        override=form.get("override", ""),
        why=form.get("why", ""),
    )


def _value(form: MultiDict[str, str], info: SettingInfo) -> str | bool | None:
    """None: what is set is to go."""
    text = form.get(f"settings.{info.name}")
    emptied = info.kind == "headers" and text is not None and not text.strip()
    if emptied or (not text and f"remove.{info.name}" in form):
        return None
    return text == "on" if info.kind == "boolean" else text or ""
