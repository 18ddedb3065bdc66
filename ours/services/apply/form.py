"""The file: YAML, with ``!keep`` for a secret that stays as it is, and ``${NAME}`` for one from the environment."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from ours.core import documents
from ours.errors import Invalid

VERSION = 1
_REFERENCE = re.compile(r"\$(\$?)\{(?:([A-Za-z_][A-Za-z0-9_]*)\})?")
_NO_NAME = (
    "A reference is ${NAME}, of letters without accents, digits and _, with no digit in front. Write $${ for a ${ that "
    "is meant as such."
)
_HEAD = """\
# Written by `ours export`; `ours apply` makes it so. What is not named here is left alone; of a destination that is
# named, whatever is left out is as it is by default.
# A secret is !keep (stays as it is) or ${NAME} (from the environment of `ours apply`).
"""


class Keep:
    """``!keep``: whatever is there now."""

    def __repr__(self) -> str:
        return "!keep"


KEEP = Keep()


def load(text: str | bytes) -> dict[str, Any]:
    """The file's sections.

    :raises Invalid: when it can't be read, says a thing twice, or is of another version.
    """
    try:
        document = documents.read(text, _Loader)
    except documents.Unreadable as error:
        raise Invalid(f"The file can't be read: {error}.") from None
    if not isinstance(document, dict) or document.pop("ours", None) != VERSION:
        raise Invalid(f"The file must be a mapping and say `ours: {VERSION}` first: see `ours export`.")
    return document


def dump(sections: Mapping[str, Any]) -> str:
    return _HEAD + documents.write({"ours": VERSION, **sections}, _Dumper)


def keys(value: Any, allowed: tuple[str, ...], where: str) -> dict[str, Any]:
    """A mapping with no other keys than these.

    :raises Invalid: naming the first that is not known.
    """
    if not isinstance(value, dict):
        raise Invalid(f"{where} must be a mapping.")
    for key in value:
        if key not in allowed:
            raise Invalid(f'{where}: "{key}" is not known. There are: {", ".join(allowed)}.')
    return value


def names(value: Any, where: str) -> list[str]:
    """A list of names.

    :raises Invalid: when it is none.
    """
    if not isinstance(value, list) or not all(isinstance(one, str | int | float) for one in value):
        raise Invalid(f"{where} must be a list of names.")
    return [str(one).strip() for one in value]


def resolve(value: Any, environ: Mapping[str, str], missing: set[str]) -> Any:
    """Put in what ``${NAME}`` refers to. ``$${`` stands for ``${``.

    What is not set, or empty (as a secret comes that somebody forgot), is added to ``missing``.

    :raises Invalid: when ``${`` is followed by no name: else what was meant as a reference would be the secret.
    """

    def look_up(found: re.Match[str]) -> str:
        if found[1]:
            return found[0][1:]
        if not found[2]:
            raise Invalid(_NO_NAME)
        if not environ.get(found[2]):
            missing.add(found[2])
        return environ.get(found[2], "")

    return _each_text(value, lambda text: _REFERENCE.sub(look_up, text))


def escape(value: Any) -> Any:
    """So that a value that looks like a reference is none when it is read back."""
    return _each_text(value, lambda text: _REFERENCE.sub(lambda found: "$" + found[0], text))


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: _each_text(inner, change) for name, inner in value.items()}
    return [_each_text(inner, change) for inner in value] if isinstance(value, list) else value


class _Loader(documents.Loader):
    """Knows one more tag."""


class _Dumper(documents.Dumper):
    """Knows one more tag."""


_Loader.add_constructor("!keep", lambda _loader, _node: KEEP)
_Dumper.add_representer(Keep, lambda dumper, _: dumper.represent_scalar("!keep", ""))
