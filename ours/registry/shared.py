"""What a plugin must not replace: the functions of modules by which Ours, and every other plugin, works."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

_ROOMS = {"base64", "builtins", "datetime", "hashlib", "hmac", "http", "json", "marshmallow", "os", "ours", "requests",
          "select", "socket", "ssl", "threading", "time", "urllib", "urllib3"}  # fmt: skip
_CHOSEN_LATE = "urllib3.util.wait.wait_for_socket"
"""It puts another of its own in its place when it is called first: by whoever uses a connection twice."""
Doors = Sequence[tuple[str, Any, Mapping[str, object]]]
"""Each module and class with its full name, and all that it holds: its doors are the functions among that."""


def doors() -> Doors:
    """Of those modules that are loaded, and of their own classes."""
    return [(name, owner, dict(vars(owner))) for name, owner in _owners()]


def put_back(before: Doors) -> str | None:
    """All is as it was ``before``; the name of the first that was another, if one was."""
    taken = [
        (f"{name}.{key}", owner, key, door)
        for name, owner, held in before
        for now in (vars(owner),)
        for key, door in held.items()
        if now.get(key) is not door and _is_a_door(door) and f"{name}.{key}" != _CHOSEN_LATE
    ]
    for _, owner, key, door in taken:
        setattr(owner, key, door)
    return taken[0][0] if taken else None


def _is_a_door(value: object) -> bool:
    return callable(value) or isinstance(value, property | classmethod)


def _owners() -> Iterator[tuple[str, Any]]:
    for module, name in _modules().items():
        yield name, module
        for key, value in tuple(vars(module).items()):
            if isinstance(value, type) and value.__module__ == name:
                yield f"{name}.{key}", value


def _modules() -> Mapping[ModuleType, str]:
    """By the first of its names: `requests` has another for each module of urllib3."""
    loaded: dict[ModuleType, str] = {}
    for name, module in tuple(sys.modules.items()):
        if name.partition(".")[0] in _ROOMS and isinstance(module, ModuleType):  # None: somebody hides it
            loaded.setdefault(module, name)
    return loaded
