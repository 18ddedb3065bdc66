"""What a plugin raised, told: the file, the line and its code. Never what the exception says, which may hold data."""

import linecache
import sys
import traceback
from pathlib import Path

from ours import log
from ours.plugin import Destination

_LONGEST = 200
_logger = log.get("deliver")


def told(code: str, plugin: Destination, verb: str, error: BaseException, *, dispatch: str = "") -> str:
    """Note in the log that the plugin's ``verb`` raised ``error``; the sentence for the attempt."""
    cause, place = type(error).__name__, _place(plugin, error)
    _logger.warning(code, plugin=plugin.slug, verb=verb, dispatch=dispatch, error=cause, place=place)
    return f"The plugin's {verb}() raised {cause}{f' ({place})' if place else ''}."


def _place(plugin: Destination, error: BaseException) -> str:
    """``chat.py, line 17: return …``: the last line of the plugin's own; empty when none was under way."""
    home = sys.modules.get(type(plugin).__module__)
    own = getattr(home, "__file__", None)
    if own is None:
        return ""
    folder = Path(own).parent if getattr(home, "__package__", "") else None
    place = ""
    for frame, number in traceback.walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        if file == own or (folder and folder in Path(file).parents):
            line = linecache.getline(file, number, frame.f_globals).strip()[:_LONGEST]
            place = f"{Path(file).name}, line {number}: {line}".removesuffix(": ")
    return place
