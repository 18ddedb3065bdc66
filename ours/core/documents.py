"""Reads and writes JSON and YAML as people mean them: what is not plainly a number, true, false or null is text.

YAML's first version reads ``no`` as false, ``01234`` as 668 and ``12:30`` as 750: a rule that compares with one of them
would never fire, and nobody would see why.
"""

import re
from typing import Any

import yaml

_PLAIN = (
    ("bool", r"(true|false)$", list("tf")),
    ("null", r"(null|~|)$", ["n", "~", ""]),
    ("int", r"-?(0|[1-9][0-9]*)$", list("-0123456789")),
    ("float", r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$", list("-0123456789")),
)

_MOST_VALUES = 1_000_000
_BREAKS = frozenset("\x85\u2028\u2029")


class Unreadable(ValueError):
    """The text is neither JSON nor YAML; says what is wrong, and where, in one line."""


class Loader(yaml.SafeLoader):
    """Refuses a key that stands twice: YAML would keep the last one in silence."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - SafeLoader's own are not inherited

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | None):
                raise yaml.constructor.ConstructorError(None, None, "a name must be text", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f'"{key}" stands twice', key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


class Dumper(yaml.SafeDumper):
    """Quotes whatever this house, or another reader of YAML, would not take for text."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True

    def represent_str(self, data: str) -> Any:
        """Line breaks that only Unicode knows are lost unless they are escaped."""
        style = '"' if _BREAKS.intersection(data) else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


for _kind, _pattern, _begins in _PLAIN:
    for _room in (Loader, Dumper):
        _room.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(_pattern), _begins)


Dumper.add_representer(str, Dumper.represent_str)


def read(text: str | bytes, loader: type[Loader] = Loader) -> Any:
    """:raises Unreadable: when it is neither JSON nor YAML, or endless with all that its aliases repeat."""
    try:
        document = yaml.load(text, loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(" ".join(str(error).split())) from None
    if _is_endless(document):
        raise Unreadable(
            f"it has more than {_MOST_VALUES:,} values: an alias of it leads round in a circle, or multiplies"
        )
    return document


def _is_endless(document: Any) -> bool:
    left, seen = [document], 0
    while left and seen <= _MOST_VALUES:
        value = left.pop()
        left += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        seen += 1
    return bool(left)


def write(value: Any, dumper: type[Dumper] = Dumper) -> str:
    """As YAML, keys in their order."""
    return str(yaml.dump(value, Dumper=dumper, allow_unicode=True, sort_keys=False, width=110))
