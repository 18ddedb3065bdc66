"""Whether what is set of a destination fits its plugin as that is now: it may ask for more than when it was set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from marshmallow import ValidationError

from ours import timebox
from ours.core.logic import LogicInvalid
from ours.core.mapping import Mapper, MappingInvalid
from ours.core.redact import Masker, texts_in
from ours.plugin import Destination as Plugin
from ours.plugin import load_settings
from ours.services.destinations.mapping import mapper_of
from ours.services.destinations.settings import sentences

SETTINGS, MAPPING = "settings_invalid", "mapping_invalid"
UNFIT = (SETTINGS, MAPPING)
_LONGEST = 500


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
    try:
        settings = timebox.limited(partial(load_settings, plugin, raw))
    except ValidationError as error:
        return _unfit(SETTINGS, "Its settings do not suit its plugin", error.messages_dict, raw)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a plugin's bug concerns its own destinations
        return Unfit(SETTINGS, f"Its settings do not suit its plugin, which raised {type(error).__name__}.")
    try:
        return Fitted(settings, mapper_of(plugin, category, mapping, cases))
    except (MappingInvalid, LogicInvalid) as error:
        return _unfit(MAPPING, "Its mapping can't be read", error.errors, raw)


def _unfit(reason: str, words: str, errors: Mapping[str, Any], raw: Mapping[str, Any]) -> Unfit:
    masker = Masker(texts_in(raw))
    told = [f"{name}: {masker.text(' '.join(sentences(said)))}" for name, said in errors.items()]
    return Unfit(reason, f"{words}: {' '.join(told)}"[:_LONGEST])
