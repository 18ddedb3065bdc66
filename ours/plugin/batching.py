"""What a destination says of its batches, if it takes many events in one request."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Batching:
    """How much goes into one request: ``batching = Batching(max_items=500)``.

    A request is sent as soon as it is full, and ``linger`` seconds after its first event at the latest. ``max_bytes``
    counts the JSON of the items together; an item that is larger alone goes alone. ``atomic``: the receiver refuses
    the whole request for one bad item, so a batch that is ``Rejected`` is sent again in halves until the bad ones
    are alone.
    """

    max_items: int
    max_bytes: int = 1_000_000
    linger: float = 1.0
    atomic: bool = False
