"""Finds destination plugins, tries each by itself, admits the sound ones and sets the others aside with a reason."""

from ours.registry.finding import Origin
from ours.registry.registry import Loaded, PluginBroken, Registry, SetAside, load, load_at, load_built_in, taken_by

__all__ = ["Loaded", "Origin", "PluginBroken", "Registry", "SetAside", "load", "load_at", "load_built_in", "taken_by"]
