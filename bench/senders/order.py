"""What a sender is told and what it tells back, as JSON between processes."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import children

_PATIENCE = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """``way``: the name of a module here. ``count``: how many deliveries. ``home``: an empty folder."""

    way: str
    url: str
    home: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """How many arrived, in how many seconds, preparation not counted; the sender's memory at its highest, with it.

    ``early``: how many of them had arrived when the clock began.
    """

    count: int
    seconds: float
    peak_mib: float = 0.0
    early: int = 0

    @property
    def rate(self) -> float:
        return (self.count - self.early) / self.seconds


def send(order: Order) -> Sent:
    """:raises children.Failed: when the sender did."""
    words = children.python("bench.senders", json.dumps(asdict(order)))
    said = children.output(words, Path(order.home) / f"{order.way}.log", _PATIENCE)
    return Sent(**json.loads(said.splitlines()[-1]))
