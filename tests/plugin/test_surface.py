"""The author's door as plugins were written for it. What is pinned here changes only together with ``API_VERSION``."""

import dataclasses
import inspect
from pathlib import Path

import ours.plugin
from ours.plugin import (
    API_VERSION,
    Batching,
    Delivery,
    Destination,
    Event,
    Network,
    Outcome,
    Token,
    Visitor,
    amazon,
    google,
    identifiers,
    testing,
    usual,
    values,
)
from ours.plugin.testing import doubles

PINNED = Path(__file__).with_name("surface.txt")


def surface() -> str:
    """Every public name, and what plugins call or override with which arguments."""
    lines = [f"API_VERSION = {API_VERSION}", *sorted(ours.plugin.__all__)]
    for kind in [Batching, Delivery, Event, Visitor, Token, *Outcome.__args__]:
        fields = ", ".join(
            field.name + ("" if field.default is dataclasses.MISSING else f"={field.default!r}")
            for field in dataclasses.fields(kind)
        )
        lines.append(f"{kind.__name__}({fields})")
    for kind in [Destination, Network]:
        for name, value in sorted(vars(kind).items()):
            if inspect.isfunction(value) and not name.startswith("_"):
                lines.append(f"{kind.__name__}.{name}({', '.join(inspect.signature(value).parameters)})")
    lines += [f"Destination.{name}" for name in sorted(inspect.get_annotations(Destination))]
    for room in [identifiers, values, google, amazon, usual]:
        members = inspect.getmembers(room, lambda one, name=room.__name__: getattr(one, "__module__", "") == name)
        short = room.__name__.removeprefix("ours.plugin.")
        taken = {name: ", ".join(inspect.signature(one).parameters) for name, one in members if name[0] != "_"}
        lines += [f"{short}.{name}({names})" for name, names in taken.items()]
    for kit in [testing, doubles]:
        lines += [f"{kit.__name__.removeprefix('ours.plugin.')}.{name}" for name in sorted(kit.__all__)]
    return "\n".join(lines) + "\n"


def test_the_door_is_as_it_was_pinned() -> None:
    assert surface() == PINNED.read_text(), (
        "The author's door has changed. If old plugins still work, renew tests/plugin/surface.txt; if not, raise"
        " API_VERSION too."
    )
