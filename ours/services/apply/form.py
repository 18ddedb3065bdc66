"""The file: YAML, with ``!keep`` for a secret that stays as it is, and ``${NAME}`` for one from the environment."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from ours.errors import Invalid

VERSION = 1
_REFERENCE = re.compile(r"\$(\$?)\{([A-Za-z_][A-Za-z0-9_]*)\}")
_HEAD = """\
# Written by `ours export`; `ours apply` makes it so. What is not named here is left alone.
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
        document = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader that knows one more tag
    except yaml.YAMLError as error:
        raise Invalid(f"The file can't be read: {' '.join(str(error).split())}.") from None
    if not isinstance(document, dict) or document.pop("ours", None) != VERSION:
        raise Invalid(f"The file must be a mapping and say `ours: {VERSION}` first: see `ours export`.")
    return document


def dump(sections: Mapping[str, Any]) -> str:
    body = yaml.dump({"ours": VERSION, **sections}, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110)
    return _HEAD + body


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


def resolve(value: Any, environ: Mapping[str, str], missing: set[str]) -> Any:
    """Put in what ``${NAME}`` refers to; those that are not set are added to ``missing``. ``$${`` stands for ``${``."""

    def look_up(found: re.Match[str]) -> str:
        if found[1]:
            return f"${{{found[2]}}}"
        if found[2] not in environ:
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


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice: YAML would keep the last one in silence."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=deep)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f'"{key}" stands twice', key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


class _Dumper(yaml.SafeDumper):
    pass


_Loader.add_constructor("!keep", lambda _loader, _node: KEEP)
_Dumper.add_representer(Keep, lambda dumper, _: dumper.represent_scalar("!keep", ""))
