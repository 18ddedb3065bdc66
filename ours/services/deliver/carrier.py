"""What is on its way: given to the sender that it is for, and no more of it at once than its destination may have."""

from collections import Counter, deque
from collections.abc import Sequence
from functools import partial
from time import monotonic

from requests import Request

from ours import timebox
from ours.core.answer import Answer
from ours.plugin import Network
from ours.pool import Done, Pool
from ours.services.deliver import faults, reading
from ours.services.deliver.targets import Target
from ours.services.deliver.tries import Parcel, Try
from ours.sink import Sink
from ours.transport import Bell, Transport

_LONGEST_WAIT, _LONGEST_QUEUE = 0.25, 1.0
"""Seconds. What was claimed ahead waits for so long while nothing lands for which it would be its turn, and for so long
in any case: after that, each would have to be asked again by itself."""


class Carrier:
    """What it takes leaves with ``leave``; a parcel too many waits for another of its destination to land."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._sink = Sink()
        self._pool = Pool()
        self._flying: dict[str, Parcel] = {}
        self._flying_to: Counter[int] = Counter()
        self._leaving: list[Parcel] = []
        self._queues: dict[int, deque[tuple[float, Parcel]]] = {}
        self._moved: dict[int, float] = {}

    @property
    def flying(self) -> int:
        """Parcels that left, or are about to, and have not landed."""
        return len(self._flying)

    @property
    def waits(self) -> bool:
        return any(self._queues.values())

    @property
    def runs_ahead(self) -> bool:
        """Whether anything waits that was claimed ahead."""
        return bool(self._ahead())

    def has_any_of(self, destination_id: int) -> bool:
        return self._flying_to[destination_id] > 0 or bool(self._queues.get(destination_id))

    def take(self, parcels: Sequence[Parcel]) -> None:
        for parcel in parcels:
            if self._flying_to[parcel.target.id] >= parcel.target.most_requests:
                self._have_wait(parcel)
            else:
                self.begin(parcel)

    def begin(self, parcel: Parcel) -> None:
        """Whatever else is on its way."""
        self._flying[parcel.tag] = parcel
        self._flying_to[parcel.target.id] += 1
        self._leaving.append(parcel)

    def leave(self) -> None:
        leaving, self._leaving = self._leaving, []
        for parcel in leaving:
            self._hand_over(parcel)

    def sunk(self) -> list[Answer]:
        return self._sink.wait(0)

    def sent(self, timeout: float) -> list[Done]:
        """What plugins that send by themselves have done; waited for where there is no other answer to wait for."""
        return self._pool.wait(0 if self._transport.in_flight else timeout)

    def answers(self, timeout: float, bell: Bell | None) -> list[Answer]:
        """As ``Transport.wait``: also the answers to what others asked through it."""
        return self._transport.wait(timeout, bell)

    def flying_as(self, tag: str) -> Parcel | None:
        return self._flying.get(tag)

    def land(self, tag: str) -> Parcel | None:
        """Its answer is here: it is on its way no more. None when it is none of ours."""
        parcel = self._flying.pop(tag, None)
        if parcel is not None:
            self._flying_to[parcel.target.id] -= 1
        return parcel

    def next_of(self, target: Target) -> Parcel | None:
        """What waited longest for a parcel of that destination to land, if one more of it may be on its way."""
        queue = self._queues.get(target.id)
        if not queue or self._flying_to[target.id] >= target.most_requests:
            return None
        self._moved[target.id] = monotonic()
        return queue.popleft()[1]

    def stranded(self) -> list[Try]:
        """Let nothing wait any more that was claimed ahead where that takes long; what did."""
        late = [one for one in self._ahead() if self._is_late(one)]
        return [one for destination_id in late for one in self.take_back(destination_id)]

    def take_back(self, destination_id: int) -> list[Try]:
        """Let nothing of that destination wait any more; what did."""
        return [one for _, parcel in self._queues.pop(destination_id, ()) for one in parcel.tries]

    def withdraw(self) -> list[Try]:
        """Let nothing leave that did not leave yet; what would have."""
        leaving, self._leaving = self._leaving, []
        for parcel in leaving:
            self.land(parcel.tag)
        waiting = [one for destination_id in list(self._queues) for one in self.take_back(destination_id)]
        return [one for parcel in leaving for one in parcel.tries] + waiting

    def abandon(self) -> list[Parcel]:
        """Wait for no answer any more; what has none."""
        for tag in self._flying:
            self._transport.abandon(tag)
        return [parcel for tag in list(self._flying) if (parcel := self.land(tag))]

    def close(self) -> None:
        self._transport.close()
        self._sink.close()
        self._pool.close()

    def _ahead(self) -> list[int]:
        return [one for one, queue in self._queues.items() if queue and queue[0][1].target.may_run_ahead]

    def _is_late(self, destination_id: int) -> bool:
        now, (since, _) = monotonic(), self._queues[destination_id][0]
        return now - self._moved[destination_id] > _LONGEST_WAIT or now - since > _LONGEST_QUEUE

    def _have_wait(self, parcel: Parcel) -> None:
        queue = self._queues.setdefault(parcel.target.id, deque())
        now = monotonic()
        if not queue:
            self._moved[parcel.target.id] = now
        queue.append((now, parcel))

    def _hand_over(self, parcel: Parcel) -> None:
        """Where test mode and live mode part: the sink keeps the request, or it is sent."""
        tag, target = parcel.tag, parcel.target
        made, request = parcel.ready
        if not parcel.tries[0].live:
            self._sink.submit(tag, request)
        elif target.sends_itself:
            self._pool.submit(tag, target.id, partial(_send, parcel, made, self._transport.network))
        else:
            self._transport.submit(tag, request, events=len(parcel.tries), once=not target.plugin.dedupes)


def _send(parcel: Parcel, made: Request, network: Network) -> object:
    target = parcel.target

    def send() -> object:
        return reading.listed(target.plugin.send(made, target.settings, network))

    return faults.owned("send", target.id, parcel.about, partial(timebox.in_one_process, send))
