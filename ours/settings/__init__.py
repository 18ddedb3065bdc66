"""What the operator decided: read once, from the environment alone; and shown, with where each value comes from."""

from ours.settings.kinds import Network
from ours.settings.reading import load, unknown, variables
from ours.settings.ring import add_own_key, present_keys
from ours.settings.schema import PREFIX, SettingsSchema
from ours.settings.showing import Shown, document, shown
from ours.settings.values import LOCAL_NAMES, Settings

__all__ = [
    "LOCAL_NAMES",
    "PREFIX",
    "Network",
    "Settings",
    "SettingsSchema",
    "Shown",
    "add_own_key",
    "document",
    "load",
    "present_keys",
    "shown",
    "unknown",
    "variables",
]
