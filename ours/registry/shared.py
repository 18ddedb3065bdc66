"""What a plugin must not replace: the functions of modules by which Ours, and every other plugin, works."""

import sys
from collections.abc import Iterator, Mapping

_ROOMS = {"base64", "builtins", "datetime", "hashlib", "hmac", "http", "json", "marshmallow", "os", "ours", "requests",
          "select", "socket", "ssl", "threading", "time", "urllib", "urllib3"}  # fmt: skip


def doors() -> Mapping[str, object]:
    """Each function, class and method of those modules that are loaded, by its full name."""
    return dict(_doors())


def replaced(before: Mapping[str, object]) -> str | None:
    """The name of the first that is another than ``before``."""
    now = doors()
    return next((name for name, door in before.items() if now.get(name) is not door), None)


def _doors() -> Iterator[tuple[str, object]]:
    for name, module in tuple(sys.modules.items()):
        if name.partition(".")[0] in _ROOMS:
            for key, value in tuple(vars(module).items()):
                if isinstance(value, type):
                    yield f"{name}.{key}", value
                    if value.__module__ == name:
                        yield from _methods(f"{name}.{key}", value)
                elif callable(value):
                    yield f"{name}.{key}", value


def _methods(name: str, kind: type) -> Iterator[tuple[str, object]]:
    for key, value in tuple(vars(kind).items()):
        if callable(value) or isinstance(value, property | classmethod):
            yield f"{name}.{key}", value
