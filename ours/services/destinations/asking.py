"""Asks a plugin what it makes of a destination's settings: its own code runs then, and may do anything."""

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

import orjson

from ours import timebox
from ours.plugin import Destination, load_settings

_KEPT = 1_000
"""So many answers are remembered: screens and alerts ask for all destinations at each look."""


def loaded(plugin: Destination, raw: Mapping[str, Any]) -> dict[str, Any]:
    """As ``load_settings``, and in any thread no longer than a call of a plugin may take.

    :raises TooLong: when it does not end; and whatever else the plugin raises, be it no ``Exception``.
    """
    return timebox.limited_anywhere(partial(load_settings, plugin, raw), type(plugin))


def known(plugin: Destination, raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same to look at. For the same settings it is asked once, unless it raised."""
    return _once(plugin, orjson.dumps(raw))


@lru_cache(_KEPT)
def _once(plugin: Destination, raw: bytes) -> Mapping[str, Any]:
    return loaded(plugin, orjson.loads(raw))
