"""Asks a plugin what it makes of a destination's settings: its own code runs then, and may do anything."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from ours import timebox
from ours.plugin import Destination, load_settings


def loaded(plugin: Destination, raw: Mapping[str, Any]) -> dict[str, Any]:
    """As ``load_settings``, and in any thread no longer than a call of a plugin may take.

    :raises TooLong: when it does not end; and whatever else the plugin raises, be it no ``Exception``.
    """
    return timebox.limited_anywhere(partial(load_settings, plugin, raw), type(plugin))
