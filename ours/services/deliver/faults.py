"""What a plugin raised, told: the file, the line and its code. Never what the exception says, which may hold data.

And whose call it is that may end this process, noted for the next one.
"""

from collections.abc import Callable
from typing import TypeVar

from ours import lastwords, log
from ours.plugin import Destination
from ours.plugin.tracing import home_of, line_of

MANY = "-"
_LONGEST = 250
_logger = log.get("deliver")
T = TypeVar("T")


def told(code: str, plugin: Destination, verb: str, error: BaseException, *, dispatch: str = "") -> str:
    """Note in the log that the plugin's ``verb`` raised ``error``; the sentence for the attempt."""
    home = home_of(type(plugin).__module__)
    cause, place = type(error).__name__, ((line_of(error, home) if home else None) or "")[:_LONGEST]
    _logger.warning(code, plugin=plugin.slug, verb=verb, dispatch=dispatch, error=cause, place=place)
    return f"The plugin's {verb}() raised {cause}{f' ({place})' if place else ''}."


def owned(verb: str, destination_id: int, dispatch: str, call: Callable[[], T]) -> T:
    """``call()``, which is a plugin's, about that dispatch; or about ``MANY``, of which none is to blame."""
    return lastwords.doing(f"{verb} {destination_id} {dispatch}", call)
