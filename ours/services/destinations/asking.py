"""Asks a plugin what it makes of a destination's settings: its own code runs then, and may do anything."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any

import orjson
from marshmallow import ValidationError

from ours import timebox
from ours.errors import Invalid
from ours.plugin import Destination, dump_settings, load_settings

_KEPT = 1_000
"""So many answers are remembered: screens and alerts ask for all destinations at each look."""


class Unanswered(Invalid):
    """The plugin gave no answer: its author is to mend that. ``raised`` names what came instead."""

    def __init__(self, raised: str) -> None:
        self.raised = raised
        said = f"The plugin could not check these settings, for it raised {raised}: mend it."
        super().__init__(said, {"settings": [said]})


def loaded(plugin: Destination, raw: Mapping[str, Any]) -> dict[str, Any]:
    """As ``load_settings``, and in any thread no longer than a call of a plugin may take.

    :raises ValidationError: when the settings don't suit the plugin.
    :raises Unanswered: when it does not end, or raises anything else.
    """
    with _whatever_it_raises():
        return timebox.limited_anywhere(partial(load_settings, plugin, raw), type(plugin))


def dumped(plugin: Destination, values: Mapping[str, Any]) -> dict[str, Any]:
    """:raises Unanswered: when the plugin raises."""
    with _whatever_it_raises():
        return dump_settings(plugin, values)


def known(plugin: Destination, raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same to look at. For the same settings it is asked once, unless it raised."""
    return _once(plugin, orjson.dumps(raw))


@lru_cache(_KEPT)
def _once(plugin: Destination, raw: bytes) -> Mapping[str, Any]:
    return loaded(plugin, orjson.loads(raw))


@contextmanager
def _whatever_it_raises() -> Iterator[None]:
    try:
        yield
    except (ValidationError, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - be it no Exception
        raise Unanswered(type(error).__name__) from None
