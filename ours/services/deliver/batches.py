"""Where the events of batching destinations wait for company: until a request is full, or they waited enough."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from ours.plugin import Batching
from ours.services.deliver.tries import Parcel, Try


@dataclass(slots=True)
class _Bin:
    batching: Batching
    closes: float
    tries: list[Try] = field(default_factory=list)
    size: int = 0

    def has_room_for(self, one: Try) -> bool:
        return self.size + len(one.body) <= self.batching.max_bytes

    @property
    def full(self) -> bool:
        return len(self.tries) >= self.batching.max_items or self.size >= self.batching.max_bytes


class Batches:
    """By destination and group. A destination whose settings changed begins anew: the old ones pack the old way."""

    def __init__(self) -> None:
        self._bins: dict[tuple[int, int, int, str], _Bin] = {}

    def __len__(self) -> int:
        return sum(len(bin_.tries) for bin_ in self._bins.values())

    def any_of(self, destination_id: int) -> bool:
        return any(key[0] == destination_id for key in self._bins)

    def put(self, one: Try, batching: Batching) -> Iterator[Parcel]:
        """Let it wait with the others; the parcels that are full thereby."""
        key = (*one.target.made_of, one.group)
        bin_ = self._bins.get(key)
        if bin_ and not bin_.has_room_for(one):
            yield Parcel(self._bins.pop(key).tries)
            bin_ = None
        if bin_ is None:
            bin_ = self._bins[key] = _Bin(batching, time.monotonic() + batching.linger)
        bin_.tries.append(one)
        bin_.size += len(one.body)
        if bin_.full:
            yield Parcel(self._bins.pop(key).tries)

    def due(self) -> list[Parcel]:
        """The parcels that waited long enough."""
        now = time.monotonic()
        return [Parcel(self._bins.pop(key).tries) for key, bin_ in list(self._bins.items()) if bin_.closes <= now]

    def take(self, destination_id: int) -> list[Try]:
        """Let nothing of that destination wait any more; what did."""
        keys = [key for key in self._bins if key[0] == destination_id]
        return [one for key in keys for one in self._bins.pop(key).tries]

    def clear(self) -> list[Try]:
        """Let nothing wait any more; what did."""
        waiting = [one for bin_ in self._bins.values() for one in bin_.tries]
        self._bins.clear()
        return waiting
