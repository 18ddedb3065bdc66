"""What a person typed for a destination besides its settings: which events it may have, and its mapping."""

from collections.abc import Mapping, Sequence

import orjson

from ours.core import allow
from ours.core.incoming import IDENTIFY
from ours.core.mapping import MappingInvalid, compile_mapping
from ours.errors import Invalid
from ours.plugin import Destination as Plugin
from ours.services import naming

_LONGEST_EVENT = 1000


def allow_list(events: Sequence[str]) -> dict[str, str]:
    """Key → name as typed. ``*`` stands for every ordinary event, and names that differ only in case are one.

    :raises Invalid: when a name can't be an event's, or may not be allowed.
    """
    names = [name.strip() for name in events]
    for name in names:
        if not 1 <= len(name) <= _LONGEST_EVENT or not naming.is_text(name):
            raise _refused(
                f"An event's name has 1 to {_LONGEST_EVENT} characters, and none of them is a control character."
            )
        if name.startswith("$") and name != IDENTIFY:
            raise _refused(f'"{name}" can\'t be allowed: of the names that begin with $, only {IDENTIFY} can.')
    if allow.ALL in names:
        names = [name for name in names if name in (allow.ALL, IDENTIFY)]
    return {name if name == allow.ALL else allow.name_key(name): name for name in names}


def mapping_json(plugin: Plugin, mapping: Mapping[str, str]) -> str:
    """The mapping for the database, once it has been seen to work on top of the plugin's own.

    :raises Invalid: with the sentences for each field under ``mapping.FIELD``.
    """
    try:
        compile_mapping({**plugin.default_mapping, **mapping})
    except MappingInvalid as error:
        errors = {f"mapping.{field}": list(sentences) for field, sentences in error.errors.items()}
        said = " ".join(f"{field}: {' '.join(sentences)}" for field, sentences in errors.items())
        raise Invalid(f"The mapping can't be read: {said}", errors) from None
    return orjson.dumps(dict(mapping)).decode()


def _refused(sentence: str) -> Invalid:
    return Invalid(sentence, {"events": [sentence]})
