"""All that a worker has in hand: what waits for company, what is on its way, and what came of it."""

from collections import Counter, deque
from collections.abc import Sequence
from functools import partial

from ours import clock
from ours.core.answer import Answer
from ours.core.breaker import PLUGIN_TIMEOUT
from ours.plugin import Outcome, Retry, Split, Unknown
from ours.pool import THREADS, Pool
from ours.services.deliver import reading, records, tries
from ours.services.deliver.batches import Batches
from ours.services.deliver.records import Finished, Seal
from ours.services.deliver.targets import Target
from ours.services.deliver.tokens import Tokens
from ours.services.deliver.tries import Parcel, Try
from ours.sink import Sink
from ours.transport import Transport

_LATER = Retry("try_again", "The plugin was not asked: it had just not ended in time.")


class Outbox:
    """``finished`` is what is to be written down, ``busy`` how many tries of each destination are in hand.

    ``stuck`` are the destinations whose plugin did not come back from its last call: it is not called again before the
    others have had their turn.
    """

    def __init__(self, transport: Transport, seal: Seal) -> None:
        self.finished: list[Finished] = []
        self.busy: Counter[int] = Counter()
        self.stuck: set[int] = set()
        self._transport = transport
        self._seal = seal
        self._sink = Sink()
        self._pool = Pool()
        self._tokens = Tokens(transport)
        self._batches = Batches()
        self._flying: dict[str, Parcel] = {}
        self._flying_to: Counter[int] = Counter()
        self._queues: dict[int, deque[Parcel]] = {}

    @property
    def in_hand(self) -> int:
        """Tries that did not end yet."""
        return self.busy.total()

    @property
    def on_their_way(self) -> int:
        """Requests whose answer is yet to come."""
        return len(self._flying) + self._tokens.under_way

    def add(self, one: Try) -> None:
        """Send it: at once, or with the others of its batch."""
        self.busy[one.target.id] += 1
        if (outcome := tries.refusal(one)) is not None:
            self._conclude(Parcel([one]), [outcome])
        else:
            self._start(one)

    def _start(self, one: Try) -> None:
        batching = one.target.plugin.batching
        if not self._tokens.give(one, clock.now_ms()):
            return
        if batching is None or not one.travels_in_batches:
            self._send(Parcel([one]))
        elif (outcome := tries.make_item(one)) is not None:
            self._conclude(Parcel([one]), [outcome])
        else:
            for parcel in self._batches.put(one, batching):
                self._send(parcel)

    def collect(self, timeout: float) -> None:
        """See what became of what is on its way, for ``timeout`` seconds at most; send the batches that are due."""
        self.stuck.clear()
        for parcel in self._batches.due():
            self._send(parcel)
        for answer in self._sink.wait(0):
            self._landed(answer.tag, None, answer)
        if self._pool.in_flight:
            for done in self._pool.wait(0 if self._transport.in_flight else timeout):
                self._landed(done.tag, done.said)
        if self._transport.in_flight:
            for answer in self._transport.wait(0 if self.finished else timeout):
                if not self._tokens.take(answer, clock.now_ms()):
                    self._landed(answer.tag, None, answer)
        self._go_on_with_tokens()

    def _go_on_with_tokens(self) -> None:
        ready, self._tokens.ready = self._tokens.ready, []
        for waited, outcome in ready:
            if outcome is not None:
                self._conclude(Parcel(waited, asked=True), [outcome] * len(waited))
            else:
                for one in waited:
                    self._start(one)

    def give_up(self) -> list[Try]:
        """Call what is on its way unknown, for nobody waits for the answer; what was not sent is handed back."""
        unsent = self._batches.clear() + self._tokens.clear()
        unsent += [one for queue in self._queues.values() for parcel in queue for one in parcel.tries]
        self._queues.clear()
        self.busy.subtract(one.target.id for one in unsent)
        unknown = Unknown("worker_stopped", "The worker was stopped before the answer came.")
        for tag, parcel in list(self._flying.items()):
            self._transport.abandon(tag)
            self._land(tag)
            self._conclude(parcel, [unknown] * len(parcel.tries))
        return unsent

    def close(self) -> None:
        self._transport.close()
        self._sink.close()
        self._pool.close()

    def _send(self, parcel: Parcel) -> None:
        """Have its request made. Many that can't be packed together go in halves, so that one spoils no other."""
        target = parcel.target
        if target.id in self.stuck:
            self._conclude(parcel, [_LATER] * len(parcel.tries))
            return
        outcome = tries.make_request(parcel)
        if outcome is None:
            if self._flying_to[target.id] >= _most_requests(target):
                self._queues.setdefault(target.id, deque()).append(parcel)
            else:
                self._begin(parcel)
        elif len(parcel.tries) > 1 and tries.did_not_end(outcome):
            self._conclude(parcel, [Retry(PLUGIN_TIMEOUT, tries.too_long("pack"))] * len(parcel.tries))
        elif len(parcel.tries) > 1:
            for half in parcel.smaller(parcel.tries):
                self._send(half)
        else:
            self._conclude(parcel, [outcome])

    def _begin(self, parcel: Parcel) -> None:
        """Where test mode and live mode part: the sink keeps the request, or it is sent."""
        tag, target = parcel.tag, parcel.target
        self._flying[tag] = parcel
        self._flying_to[target.id] += 1
        made, request = parcel.ready
        if not parcel.tries[0].live:
            self._sink.submit(tag, request)
        elif target.sends_itself:
            send = partial(target.plugin.send, made, target.settings, self._transport.network)
            self._pool.submit(tag, target.id, send)
        else:
            self._transport.submit(tag, request)

    def _landed(self, tag: str, said: object, answer: Answer | None = None) -> None:
        parcel = self._land(tag)
        if parcel is None:
            return
        if not parcel.tries[0].live:
            self._conclude(parcel, [None])
        elif answer is None:
            self._conclude(parcel, reading.each(parcel, said, "send_failed", "send"))
        elif answer.failure is not None:
            self._conclude(parcel, reading.unanswered(parcel, answer.failure), answer)
        elif parcel.target.id in self.stuck:
            self._conclude(parcel, reading.unread(parcel), answer)
        elif answer.response is not None:
            self._conclude(parcel, reading.read(parcel, answer.response), answer)

    def _land(self, tag: str) -> Parcel | None:
        parcel = self._flying.pop(tag, None)
        if parcel is None:
            return None
        target = parcel.target
        self._flying_to[target.id] -= 1
        if queue := self._queues.get(target.id):
            self._begin(queue.popleft())
        return parcel

    def _conclude(self, parcel: Parcel, outcomes: Sequence[Outcome | None], answer: Answer | None = None) -> None:
        """Write down what came of it; what was not taken with the others travels again in smaller parcels."""
        self.finished += records.write_up(parcel, outcomes, clock.now_ms(), self._seal, answer)
        ended = list(zip(parcel.tries, outcomes, strict=True))
        if any(tries.did_not_end(outcome) for outcome in outcomes):
            self.stuck.add(parcel.target.id)
        apart = [one for one, outcome in ended if isinstance(outcome, Split)]
        anew = [one for one, outcome in ended if one.wants_new_token(outcome)]
        self.busy[parcel.target.id] -= len(ended) - len(apart) - len(anew)
        for one in apart + anew:
            one.goes_on()
        for one in anew:
            one.renewed = True
            self._tokens.forget(one)
            self._start(one)
        for smaller in parcel.smaller(apart):
            self._send(smaller)


def _most_requests(target: Target) -> int:
    return min(target.limits.max_in_flight, THREADS) if target.sends_itself else target.limits.max_in_flight
