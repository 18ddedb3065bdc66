"""Walks through all that a plugin could keep something in, and says by what name its author knows each place."""

import contextvars
import functools
import gc
import logging
import os
import sys
import threading
from collections import Counter, deque
from collections.abc import Iterator
from types import CodeType, FunctionType, GeneratorType, ModuleType
from typing import Any

from ours.plugin.destination import Destination
from ours.plugin.tracing import home_of

Place = tuple[str, object]
_CACHE = type(functools.lru_cache(len))
_NOT_WALKED = (ModuleType, CodeType, logging.Logger, int, float, type(None))

MOST = 10_000
"""Things of one place: the client of a library may hold a hundred thousand, its whole API."""


def reached(plugin: Destination) -> Iterator[Place]:
    """All that lives on between two calls of ``plugin``, each with its place: ``Mine.seen``, ``the cache of found``.

    What others keep for it, a library or Ours, is not among it. Nothing of what is found is asked: it may be anything.
    Of a place where there is very much, the ``MOST`` that are nearest.
    """
    modules = _own_modules(type(plugin))
    seen = {id(vars(module)) for module in tuple(sys.modules.values()) if type(module) is ModuleType}
    found = Counter[str]()
    for root in reversed(tuple(_roots(plugin, modules))):
        left = deque([root])
        while left:
            place, thing = left.popleft()
            if id(thing) in seen or issubclass(type(thing), _NOT_WALKED) or found[place] >= MOST:
                continue
            seen.add(id(thing))
            found[place] += 1
            yield place, thing
            left += _inside(place, thing, modules)


def _own_modules(kind: type[Destination]) -> dict[str, ModuleType]:
    """The plugin's own, and its neighbours where it is a package."""
    home, known = home_of(kind.__module__), tuple(sys.modules.items())
    files = [(name, module, getattr(module, "__file__", None)) for name, module in known]
    within = f"{home}{os.sep}"
    near = {name: module for name, module, file in files if home and str(file).startswith(within)}
    own = {name: module for name, module in known if name == kind.__module__}
    return near | own


def _roots(plugin: Destination, modules: dict[str, ModuleType]) -> Iterator[Place]:
    """What was named first is walked last: a class is known by its own name."""
    for variable, value in contextvars.copy_context().items():
        yield f"the context variable {variable.name}", value
    for module in modules.values():
        yield from ((name, value) for name, value in tuple(vars(module).items()) if not name.startswith("__"))
    for kind in type(plugin).__mro__:
        yield kind.__name__, kind
    yield from ((f"self.{name}", value) for name, value in vars(plugin).items())


def _inside(place: str, thing: Any, modules: dict[str, ModuleType]) -> Iterator[Place]:
    """What ``thing`` holds. Of classes and functions, only the plugin's own are looked into."""
    kind = type(thing)
    if issubclass(kind, type | FunctionType | _CACHE):
        if thing.__module__ in modules:
            yield from _in_own(getattr(thing, "__qualname__", place), thing)
    elif issubclass(kind, threading.local):
        yield from ((place, value) for value in thing.__dict__.values())
    elif issubclass(kind, GeneratorType):
        yield from ((place, value) for value in (thing.gi_frame.f_locals.values() if thing.gi_frame else ()))
    else:
        texts = dict.keys(thing) if issubclass(kind, dict) else ()  # of which the collector knows nothing
        yield from ((place, one) for one in (*gc.get_referents(thing), *texts) if one is not kind)


def _in_own(name: str, thing: Any) -> Iterator[Place]:
    if isinstance(thing, _CACHE):
        yield from ((f"the cache of {name}", one) for one in gc.get_referents(thing))
        return
    yield from ((f"{name}.{attribute}", value) for attribute, value in tuple(vars(thing).items()))
    if isinstance(thing, FunctionType):
        yield from ((f"a default of {name}", one) for one in (thing.__defaults__, thing.__kwdefaults__))
        for variable, cell in zip(thing.__code__.co_freevars, thing.__closure__ or (), strict=True):
            yield f"{variable}, around {name}", cell
