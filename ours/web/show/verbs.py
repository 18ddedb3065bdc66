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
            "Its keys are refused with 401 within a second, for good: this can't be taken back.",
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
        "Whoever sends with this key is refused with 401 within a second, for good: this can't be taken back.",
        "The source's other keys work on, and what was accepted with this one is still delivered.",
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
        ("What waits and what comes is held until you resume.",),
        "is paused.",
        Destinations.pause,
    ),
    Verb(
        "resume",
        "Resume",
        ("What was held is delivered, and what comes.",),
        "is on again.",
        Destinations.resume,
    ),
    Verb(
        "off",
        "Turn off",
        (
            "What waits or is held is stopped for good, and so is what comes, until you turn it on.",
            "To keep what comes for later, pause it instead.",
        ),
        "is off.",
        Destinations.turn_off,
        grave=True,
    ),
    Verb(
        "on",
        "Turn on",
        ("What comes is delivered. What was stopped stays stopped.",),
        "is on.",
        Destinations.turn_on,
        shown=True,
    ),
    Verb(
        "remove",
        "Remove",
        (
            "It takes nothing more, its settings and secrets are erased, and this can't be taken back.",
            "Its dispatches so far stay in the record.",
        ),
        "is removed.",
        Destinations.remove,
        grave=True,
    ),
)
DESTINATION_OFFERS = {"on": ("pause", "off", "remove"), "paused": ("resume", "off", "remove"), "off": ("on", "remove")}
