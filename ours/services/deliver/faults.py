"""What a plugin raised, told: the file, the line and its code. Never what the exception says, which may hold data."""

from ours import log
from ours.plugin import Destination
from ours.plugin.tracing import home_of, line_of

_LONGEST = 250
_logger = log.get("deliver")


def told(code: str, plugin: Destination, verb: str, error: BaseException, *, dispatch: str = "") -> str:
    """Note in the log that the plugin's ``verb`` raised ``error``; the sentence for the attempt."""
    home = home_of(type(plugin).__module__)
    cause, place = type(error).__name__, ((line_of(error, home) if home else None) or "")[:_LONGEST]
    _logger.warning(code, plugin=plugin.slug, verb=verb, dispatch=dispatch, error=cause, place=place)
    return f"The plugin's {verb}() raised {cause}{f' ({place})' if place else ''}."
