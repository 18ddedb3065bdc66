"""What a plugin must not replace: the functions of modules by which Ours, and every other plugin, works."""

import sys
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

_ROOMS = {"base64", "builtins", "datetime", "hashlib", "hmac", "http", "json", "marshmallow", "os", "ours", "requests",
          "select", "socket", "ssl", "threading", "time", "urllib", "urllib3"}  # fmt: skip
_CHOSEN_LATE = "urllib3.util.wait.wait_for_socket"
"""It puts another of its own in its place when it is called first: by whoever uses a connection twice."""
Doors = Mapping[str, tuple[Any, str, object]]
"""Each by its full name: what it is an attribute of, by which name, and itself."""


def doors() -> Doors:
    """Each function, class and method of those modules that are loaded."""
    named = ((f"{name}.{key}", owner, key, door) for name, owner, key, door in _doors())
    return {name: (owner, key, door) for name, owner, key, door in named if name != _CHOSEN_LATE}


def put_back(before: Doors) -> str | None:
    """All is as it was ``before``; the name of the first that was another, if one was."""
    taken = [name for name, (owner, key, door) in before.items() if vars(owner).get(key) is not door]
    for name in taken:
        owner, key, door = before[name]
        setattr(owner, key, door)
    return taken[0] if taken else None


def _doors() -> Iterator[tuple[str, Any, str, object]]:
    for module, name in _modules().items():
        for key, value in tuple(vars(module).items()):
            if callable(value):
                yield name, module, key, value
            if isinstance(value, type) and value.__module__ == name:
                yield from ((f"{name}.{key}", value, own, door) for own, door in tuple(vars(value).items())
                            if callable(door) or isinstance(door, property | classmethod))  # fmt: skip


def _modules() -> Mapping[ModuleType, str]:
    """By the first of its names: `requests` has another for each module of urllib3."""
    loaded: dict[ModuleType, str] = {}
    for name, module in tuple(sys.modules.items()):
        if name.partition(".")[0] in _ROOMS and isinstance(module, ModuleType):  # None: somebody hides it
            loaded.setdefault(module, name)
    return loaded
