"""Whether what is set of a destination fits its plugin as that is now: it may ask for more than when it was set."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from marshmallow import ValidationError

from ours.core import mistakes
from ours.core.logic import LogicInvalid
from ours.core.mapping import Mapper, MappingInvalid
from ours.core.redact import Masker, texts_in
from ours.plugin import Destination as Plugin
from ours.services.destinations import asking
from ours.services.destinations.mapping import mapper_of
from ours.services.destinations.settings import plainly

SETTINGS, MAPPING = "settings_invalid", "mapping_invalid"
UNFIT = (SETTINGS, MAPPING)
_LONGEST = 500
_UNREAD = "Its mapping can't be read"
_KEPT = 1_000
"""So many verdicts on mappings are remembered; alerts ask for all of them every few seconds."""


class Fitted(NamedTuple):
    """The settings as the plugin sees them, and the mapping ready to be applied."""

    settings: Mapping[str, Any]
    mapper: Mapper


@dataclass(frozen=True, slots=True)
class Unfit:
    """``reason`` is a code, ``words`` name what is wrong, and no value."""

    reason: str
    words: str


def fit(
    plugin: Plugin,
    category: str,
    raw: Mapping[str, Any],
    mapping: Mapping[str, Any],
    cases: Sequence[Mapping[str, Any]],
) -> Fitted | Unfit:
    """``raw``: the settings in clear, as JSON."""
    settings = _settings(asking.loaded, plugin, raw)
    if isinstance(settings, Unfit):
        return settings
    try:
        return Fitted(settings, mapper_of(plugin, category, mapping, cases))
    except (MappingInvalid, LogicInvalid) as error:
        return _unfit(MAPPING, _UNREAD, error.errors, raw)


def unfit(plugin: Plugin, category: str, raw: Mapping[str, Any], mapping: str, cases: str) -> Unfit | None:
    """What ``fit`` would say against it, read once, however often asked; ``mapping`` and ``cases`` as JSON."""
    settings = _settings(asking.known, plugin, raw)
    if isinstance(settings, Unfit):
        return settings
    errors = _faults(plugin, category, mapping, cases)
    return _unfit(MAPPING, _UNREAD, errors, raw) if errors is not None else None


@lru_cache(_KEPT)
def _faults(plugin: Plugin, category: str, mapping: str, cases: str) -> Mapping[str, Any] | None:
    try:
        mapper_of(plugin, category, orjson.loads(mapping), orjson.loads(cases))
    except (MappingInvalid, LogicInvalid) as error:
        return error.errors
    return None


def _settings(
    ask: Callable[[Plugin, Mapping[str, Any]], Mapping[str, Any]], plugin: Plugin, raw: Mapping[str, Any]
) -> Mapping[str, Any] | Unfit:
    try:
        return ask(plugin, raw)
    except ValidationError as error:
        return _unfit(SETTINGS, "Its settings do not suit its plugin", plainly(plugin, error), raw)
    except asking.Unanswered as error:
        return Unfit(SETTINGS, f"Its settings do not suit its plugin, which raised {error.raised}.")


def _unfit(reason: str, words: str, errors: Mapping[str, Any], raw: Mapping[str, Any]) -> Unfit:
    masker = Masker(texts_in(raw))
    told = [f"{name}: {masker.text(' '.join(mistakes.sentences(said)))}" for name, said in errors.items()]
    return Unfit(reason, f"{words}: {' '.join(told)}"[:_LONGEST])
