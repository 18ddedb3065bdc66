"""What a schema found wrong with what was typed, in words for people: its library's own are for programmers."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

_PLAIN = {
    "Missing data for required field.": "Must be given.",
    "Field may not be null.": "Must not be null.",
    "Not a valid boolean.": "Must be true or false.",
    "Not a valid integer.": "Must be a whole number.",
    "Not a valid list.": "Must be a list.",
    "Not a valid mapping type.": "Must be an object: names and values.",
    "Not a valid number.": "Must be a number.",
    "Not a valid string.": "Must be a text.",
    "Not a valid URL.": "Must be a whole address, such as https://api.example.com/path.",
}
_UNKNOWN = "Unknown field."
_NONE = "There is no such field."


def plain(messages: Mapping[Any, Any], known: Mapping[str, str]) -> dict[str, list[str]]:
    """The messages of a schema, however deep, as sentences for each of its fields.

    ``known``: the names that there are, each with its label. A name that is none of them is told the nearest, and the
    first of such names, which come last and sorted, all that there are.
    """
    told = {str(name): sentences(said) for name, said in messages.items()}
    there = f" There are {', '.join(known)}." if known else ""
    for name in sorted(name for name, said in told.items() if _UNKNOWN in said):
        del told[name]
        told[name], there = [f"{_NONE}{_meant(name, known)}{there}"], ""
    return told


def sentences(said: Any) -> list[str]:
    """One field's messages, each once."""
    return list(dict.fromkeys(_flat(said)))


def _flat(said: Any) -> Iterable[str]:
    if isinstance(said, Mapping):
        inside = [(name, one) for name, inner in said.items() for one in _flat(inner)]
        return [f"{name}: {_NONE if one == _UNKNOWN else one}" for name, one in inside]
    return [_PLAIN.get(str(one), str(one)) for one in (said if isinstance(said, list) else [said])]


def _meant(name: str, known: Mapping[str, str]) -> str:
    spelt = {one.casefold(): one for one in known} | {label.casefold(): one for one, label in known.items()}
    near = get_close_matches(name.casefold(), spelt, 1)
    return f" Did you mean {spelt[near[0]]}?" if near else ""
