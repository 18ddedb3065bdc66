"""What may be done to a source and to a destination, and in which words a person is told so beforehand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ours.services.destinations import Destinations
from ours.services.sources import Sources


@dataclass(frozen=True, slots=True)
class Verb:
    """Something to do. ``words`` say what it will do; ``grave`` is what stops something and wants a second look;
    ``shown`` is what wants a look at what would follow."""

    name: str
    label: str
    words: Sequence[str]
    done: str
    act: Callable[..., object]
    grave: bool = False
    shown: bool = False


def _by_name(*verbs: Verb) -> Mapping[str, Verb]:
    return {verb.name: verb for verb in verbs}


SOURCE = _by_name(
    Verb(
        "deactivate",
        "Deactivate",
        (
            "Its keys are refused with 401 within a second.",
            "What was accepted before is still delivered.",
            "You can activate it again; the keys stay the same.",
        ),
        "is deactivated.",
        Sources.deactivate,
        grave=True,
    ),
    Verb(
        "activate",
        "Activate",
        ("Its keys are accepted again, within a second.",),
        "is active again.",
        Sources.activate,
    ),
    Verb(
        "delete",
        "Delete",
        (
            "Its keys are refused with 401 within a second, and this can't be undone.",
            "What was accepted before is still delivered, and its events stay in Recent events.",
        ),
        "is deleted.",
        Sources.delete,
        grave=True,
    ),
)
REVOKE = Verb(
    "revoke",
    "Revoke",
    (
        "Whoever sends with this key is refused with 401 within a second. This can't be undone.",
        "The source's other keys keep working, and what was accepted with this one is still delivered.",
    ),
    "is revoked.",
    Sources.revoke_key,
    grave=True,
)
SOURCE_OFFERS = {"active": ("deactivate", "delete"), "deactivated": ("activate", "delete")}

DESTINATION = _by_name(
    Verb(
        "pause",
        "Pause",
        ("Everything owed to it is held until you resume it.",),
        "is paused.",
        Destinations.pause,
    ),
    Verb(
        "resume",
        "Resume",
        ("What was held is delivered, and so are new events.",),
        "is on again.",
        Destinations.resume,
    ),
    Verb(
        "off",
        "Turn off",
        (
            "What waits or is held is stopped for good. New events are stopped too, until you turn it on.",
            "To keep events for later, pause it instead.",
        ),
        "is off.",
        Destinations.turn_off,
        grave=True,
    ),
    Verb(
        "on",
        "Turn on",
        ("New events are delivered. What was stopped stays stopped.",),
        "is on.",
        Destinations.turn_on,
        shown=True,
    ),
    Verb(
        "remove",
        "Remove",
        (
            "It takes no more events, and its settings and secrets are erased. This can't be undone.",
            "Its dispatches so far stay on record.",
        ),
        "is removed.",
        Destinations.remove,
        grave=True,
    ),
)
DESTINATION_OFFERS = {"on": ("pause", "off", "remove"), "paused": ("resume", "off", "remove"), "off": ("on", "remove")}
