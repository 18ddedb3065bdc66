"""Runs a receiver double until it is told to stop, and shows what came and what it answered."""

import json
import pkgutil
import threading
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from ours.errors import Invalid, NotFound
from ours.plugin.testing import doubles
from ours.plugin.testing.doubles import Answer, Call, Double

_GRACE = 0.2
"""Seconds in which the last answer reaches whoever asked."""


def names() -> list[str]:
    """The slugs that have a double: its module is named for the slug."""
    return sorted(module.name for module in pkgutil.iter_modules(doubles.__path__) if module.name != "server")


def find(slug: str) -> type[Double]:
    """:raises NotFound: when that type has none."""
    if slug not in names():
        raise NotFound(
            f'There is no double of "{slug}". There are {", ".join(names())}. The one of webhook takes what any plugin'
            " posts; docs/plugins.md says how to write another."
        )
    room = import_module(f"{doubles.__name__}.{slug}")
    own = (one for one in vars(room).values() if isinstance(one, type) and one.__module__ == room.__name__)
    return next(one for one in own if issubclass(one, Double))


def listening(kind: type[Double], port: int) -> Double:
    """:raises Invalid: when it can't listen there."""
    try:
        standing = kind(port)
    except OSError as error:
        raise Invalid(f"It can't listen on port {port}: {error.strerror}. Choose another with --port.") from None
    standing.remember = False
    return standing


def told(slug: str, double: Double) -> Mapping[str, Any]:
    """Where it listens, and the line that adds a destination for it."""
    options = " ".join(f"--set {name}='{value}'" for name, value in double.settings.items())
    return {
        "plugin": slug,
        "url": double.url,
        "settings": dict(double.settings),
        "add": f"ours destination add {slug} {slug}-double {options} --agreement self-hosted --event '*'",
    }


def watched(kind: type[Double], most: int | None, done: threading.Event, *, as_json: bool) -> type[Double]:
    """The same double, saying of each request what came of it; after ``most`` of them it is done."""

    class Watched(kind):  # type: ignore[misc, valid-type]
        def take(self, call: Call) -> Answer:
            answer: Answer = super().take(call)
            line = {"method": call.method, "path": call.path, "status": answer.status, "kept": self.took}
            click.echo(
                json.dumps(line) if as_json else f"{call.method} {call.path} → {answer.status}, {self.took} kept"
            )
            if most and self.came >= most:
                threading.Timer(_GRACE, done.set).start()
            return answer

    return Watched
