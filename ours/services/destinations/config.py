"""All that a person can set of a destination, as one value: what a preview compares, and a version keeps."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, TypedDict

import orjson

from ours.core.agreements import AGREED, AGREEMENTS, CATEGORIES, GUARDED
from ours.core.sensitivity import exposed
from ours.errors import Invalid
from ours.plugin import Destination as Plugin
from ours.services import naming
from ours.services.destinations import limits, mapping, typed
from ours.services.destinations import settings as sealed
from ours.services.destinations.fitting import Unfit, fit
from ours.services.gates import category_of

LIMITS = ("max_in_flight", "rate_limit", "retry_schedule", "drain_rate")
_INSTEAD = "Change what is to be otherwise by itself, or put the plugin back as it was then and start again."


class Given(TypedDict, total=False):
    """What somebody wants changed; what is left out, or None, stays. ``sources``: none of them named means all."""

    name: str | None
    settings: Mapping[str, Any] | None
    events: Sequence[str] | None
    mapping: Mapping[str, Any] | None
    cases: Sequence[Mapping[str, Any]] | None
    sources: Sequence[int] | None
    category: str | None
    agreement: str | None
    limits: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """``settings`` has its secrets in clear; ``category`` is empty where the plugin's holds; ``limits`` as stored."""

    name: str
    settings: Mapping[str, Any] = field(repr=False)
    events: tuple[str, ...]
    mapping: Mapping[str, Any]
    cases: tuple[Mapping[str, Any], ...] = ()
    sources: tuple[int, ...] = ()
    category: str = ""
    agreement: str = "none"
    limits: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        return asdict(self)

    def columns(self) -> dict[str, Any]:
        """Those of the destination's row; what is sealed, and the allow list, go their own ways."""
        return {
            "name": self.name,
            "mapping": orjson.dumps(self.mapping).decode(),
            "cases": orjson.dumps(self.cases).decode(),
            "sources": orjson.dumps(self.sources).decode() if self.sources else None,
            "category": self.category or None,
            "agreement": self.agreement,
            **{name: self.limits.get(name) for name in LIMITS},
        }


def from_row(row: Any, events: Sequence[str], settings: Mapping[str, Any]) -> Config:
    return Config(
        name=row.name,
        settings=settings,
        events=tuple(events),
        mapping=orjson.loads(row.mapping),
        cases=tuple(orjson.loads(row.cases)),
        sources=tuple(orjson.loads(row.sources)) if row.sources else (),
        category=row.category or "",
        agreement=row.agreement,
        limits={name: value for name in LIMITS if (value := getattr(row, name)) is not None},
    )


def from_document(document: Mapping[str, Any]) -> Config:
    """A version as ``document`` wrote it; what it does not know yet has its default."""
    known = {one.name for one in fields(Config)}
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in document.items() if name in known
    }
    return Config(**given)


def drafted(plugin: Plugin | None, before: Config, given: Given) -> Config:
    """``before`` with what is given in its place, checked.

    :raises Invalid: naming each wrong field.
    """
    changes: dict[str, Any] = {}
    if (name := given.get("name")) is not None:
        changes["name"] = naming.clean(name, [before.name])
    if (events := given.get("events")) is not None:
        named = tuple(typed.allow_list(events).values())
        changes["events"] = named if set(named) != set(before.events) else before.events  # their order says nothing
    if (settings := given.get("settings")) is not None:
        changes["settings"] = sealed.read(_there(plugin), sealed.merge(_there(plugin), before.settings, settings))
    if (category := given.get("category")) is not None:
        changes["category"] = _one_of("category", category, ("", *CATEGORIES))
    if (agreement := given.get("agreement")) is not None:
        changes["agreement"] = _one_of("agreement", agreement, AGREEMENTS)
    if (sources := given.get("sources")) is not None:
        changes["sources"] = tuple(sorted(set(sources)))
    if pace := given.get("limits"):
        changes["limits"] = _without_none({**before.limits, **limits.read(pace)})
    changes |= _mapped(plugin, before, given, changes.get("category", before.category))
    return replace(before, **changes)


def check_fits(plugin: Plugin | None, config: Config) -> None:
    """Of a plugin that is not there nobody knows what it asks for; that is said, and holds all, in any case.

    :raises Invalid: when the plugin, as it is now, would hold all for it; in words that show no value.
    """
    if plugin is None:
        return
    found = fit(plugin, category_of(config, plugin), config.settings, config.mapping, config.cases)
    if isinstance(found, Unfit):
        raise Invalid(f"That version does not suit the plugin of now. {found.words} {_INSTEAD}")


def newly_exposed(plugin: Plugin | None, before: Config | None, after: Config) -> list[str]:
    """The rows that would let sensitive fields out in clear and did not before, where nothing is agreed about it.

    Those of the plugin's own mapping count as much as a person's. ``before``: None where there was nothing yet.
    """
    if not _asks(plugin, after):
        return []
    accepted = _exposed(plugin, before) if before and _asks(plugin, before) else {}
    return [place for place, row in _exposed(plugin, after).items() if accepted.get(place) != row]


def _asks(plugin: Plugin | None, config: Config) -> bool:
    return category_of(config, plugin) in GUARDED and config.agreement not in AGREED


def _exposed(plugin: Plugin | None, config: Config) -> dict[str, Any]:
    return dict(exposed(mapping.all_rows(plugin, category_of(config, plugin), config.mapping, config.cases)))


def _mapped(plugin: Plugin | None, before: Config, given: Given, category: str) -> dict[str, Any]:
    rows, cases = given.get("mapping"), given.get("cases")
    if rows is None and cases is None:
        return {}
    own = before.mapping if rows is None else dict(rows)
    conditional = before.cases if cases is None else tuple(typed.cases(cases))
    mapping.check(_there(plugin), category or _there(plugin).category, own, conditional)
    mapping.check_new(own, conditional, before.mapping, before.cases)
    return {"mapping": own, "cases": conditional}


def _there(plugin: Plugin | None) -> Plugin:
    if plugin is None:
        raise Invalid("Its plugin is not loaded, so its settings are not known. `ours plugin list` shows why.")
    return plugin


def _one_of(field_name: str, value: str, choices: Sequence[str]) -> str:
    if value not in choices:
        sentence = f"It is one of {', '.join(choice for choice in choices if choice)}."
        raise Invalid(f'"{value[:40]}" is no {field_name}. {sentence}', {field_name: [sentence]})
    return value


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
