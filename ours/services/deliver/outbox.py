"""What a worker does with what it has in hand: packs, sends, hears, and says what came of it."""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import ParamSpec, TypeVar

from ours import clock
from ours.core.answer import Answer
from ours.core.breaker import PLUGIN_TIMEOUT
from ours.plugin import Outcome, Retry, Split, Unknown
from ours.services.deliver import reading, records, tries
from ours.services.deliver.asking import Said
from ours.services.deliver.barred import Barred
from ours.services.deliver.batches import Batches
from ours.services.deliver.carrier import Carrier
from ours.services.deliver.in_hand import InHand
from ours.services.deliver.records import Seal
from ours.services.deliver.targets import Target
from ours.services.deliver.tokens import Tokens
from ours.services.deliver.tries import Parcel, Try
from ours.transport import Bell, Transport

P = ParamSpec("P")
T = TypeVar("T")
_NEXT_ANSWER, _GATHERING = 0.005, 0.03
"""Seconds. Where more waits to be sent, an answer that comes within the first saves a look at the database; that looks
for what others wait for, too, so it is put off no longer than for the second."""
_FRESH = clock.SECOND
"""So long holds what a try was asked when it was claimed."""


class Outbox:
    """Sees what is in hand to its end.

    What is packed when that does not hold any more is asked ``again`` first.

    ``Carrier`` has what is on its way. What is for a destination that is barred, as ``Barred`` says, is handed back.
    What there was no time for in a round, to pack or to read it, is seen to in the next.

    What is to be done for many tries is done step by step, each step for all of them: so what a step needs is still at
    hand for the next of them. Measured in ``docs/profiles.md``.
    """

    def __init__(
        self,
        in_hand: InHand,
        transport: Transport,
        seal: Seal,
        again: Callable[[Sequence[Try]], Said],
        now: Callable[[], int],
    ) -> None:
        self._in_hand = in_hand
        self._now = now
        self._seal = seal
        self._again = again
        self._tokens = Tokens(transport)
        self._batches = Batches()
        self._carrier = Carrier(transport)
        self._barred = Barred()
        self._unheard: list[Answer] = []
        self._unmade: list[Parcel] = []
        self._unpacked: set[int] = set()

    @property
    def on_their_way(self) -> int:
        """Requests whose answer is yet to come."""
        return self._carrier.flying + self._tokens.under_way

    @property
    def waits(self) -> bool:
        """Whether anything waits for company, or for its turn."""
        return bool(self._batches or self._unmade) or self._carrier.waits

    def builds(self, destination_id: int) -> bool:
        """Whether something of that destination's is built: it is on its way, or waits for others to be packed."""
        packs = destination_id not in self._unpacked and self._batches.any_of(destination_id)
        return packs or self._carrier.has_any_of(destination_id)

    def add(self, many: Sequence[Try]) -> None:
        """Send them: at once, or with the others of their batch. What is claimed shows that no rest lasts."""
        self._barred.wake(one.target.id for one in many)
        self._in_hand.take(many)
        self._start([one for one in many if self._may_leave(one)])

    def _may_leave(self, one: Try) -> bool:
        outcome = tries.refusal(one)
        if outcome is not None:
            self._conclude(Parcel([one]), [outcome])
        return outcome is None

    def _start(self, many: Sequence[Try]) -> None:
        parcels, now = [], self._now()
        for one in many:
            batching = one.target.plugin.batching
            if self._barred.bars(one.target.id, one.target.plugin.slug):
                self._in_hand.hand_back([one])
            elif self._has_token(one, now):
                if batching is None or not one.travels_in_batches:
                    parcels.append(Parcel([one]))
                elif (outcome := self._asked(one.target, tries.make_item, one)) is not None:
                    self._conclude(Parcel([one]), [outcome])
                else:
                    self._barred.note_built(one.target.id)
                    parcels += self._batches.put(one, batching)
        self._send(parcels)

    def collect(self, timeout: float, bell: Bell | None = None) -> None:
        """See what became of what is on its way, for ``timeout`` seconds at most or until ``bell`` rings; send the
        batches that are due."""
        self._barred.begin_round()
        self._unpacked.clear()
        self._in_hand.hand_back(self._carrier.stranded())
        unheard, self._unheard = self._unheard, []
        self._hear(unheard)
        unmade, self._unmade = self._unmade, []
        self._send([*unmade, *self._batches.due()])
        self._carrier.leave()
        self._hear(self._carrier.sunk())
        for done in self._carrier.sent(timeout):
            if parcel := self._carrier.land(done.tag):
                self._conclude(parcel, reading.sent(parcel, done.said))
                self._send_next(parcel.target)
        patience = 0 if self._in_hand.finished else timeout
        ends = perf_counter() + _GATHERING
        while answers := self._carrier.answers(patience, None if self._in_hand.finished else bell):
            self._hear(answers)
            self._carrier.leave()
            patience = _NEXT_ANSWER if self._carrier.runs_ahead and perf_counter() < ends else 0
        self._go_on_with_tokens()

    def _go_on_with_tokens(self) -> None:
        ready, self._tokens.ready = self._tokens.ready, []
        for waited, outcome in ready:
            if outcome is not None:
                self._conclude(Parcel(waited, asked=True), [outcome] * len(waited))
            else:
                self._start(waited)

    def withdraw(self) -> None:
        """Hand back what is ready and did not leave yet."""
        self._in_hand.hand_back(self._carrier.withdraw())
        self._in_hand.hand_back(self._take_unmade())

    def give_up(self) -> None:
        """Call what is on its way unknown, for nobody waits for the answer; what was not sent is handed back.

        An answer that is here, and that nobody has had the time to read, is kept with its try.
        """
        self._hear_last(self._unheard)
        self._unheard = []
        self.withdraw()
        self._in_hand.hand_back(self._batches.clear() + self._tokens.clear())
        unknown = Unknown("worker_stopped", "The worker was stopped before the answer came.")
        for parcel in self._carrier.abandon():
            self._conclude(parcel, [unknown] * len(parcel.tries))

    def let_rest(self, destination_id: int) -> None:
        """It wants to be left alone: what waits for it is handed back, to be claimed when its rest is over."""
        self._barred.let_rest(destination_id)
        self._in_hand.hand_back(self._batches.take(destination_id) + self._carrier.take_back(destination_id))
        self._in_hand.hand_back(self._take_unmade(destination_id))

    def close(self) -> None:
        self._carrier.close()

    def _send(self, parcels: Sequence[Parcel]) -> None:
        """They leave when ``collect`` is called next, or when it is their turn."""
        self._carrier.take(self._ready(parcels))

    def _send_next(self, target: Target) -> None:
        """One of that destination's landed: whose turn it is now leaves, if it still may."""
        while parcel := self._carrier.next_of(target):
            for ready in self._ready([parcel]):
                self._carrier.begin(ready)

    def _ready(self, parcels: Sequence[Parcel]) -> list[Parcel]:
        """What of these may leave now, with its requests."""
        now = self._now()
        late = [one for parcel in parcels for one in parcel.tries if not 0 <= now - one.started_at <= _FRESH]
        if late:
            said = self._again(late)
            parcels = [left for parcel in parcels if (left := self._left_of(parcel, said))]
        return [one for one in parcels if one.request or self._has_request(one)]

    def _left_of(self, parcel: Parcel, said: Said) -> Parcel | None:
        """What of a parcel may leave, though some time went by since that was asked."""
        refused = [one for one in parcel.tries if one.id in said.refused]
        if refused:
            self._conclude(Parcel(refused), [said.refused[one.id] for one in refused])
        self._in_hand.drop([one for one in parcel.tries if one.id in said.forgotten])
        self._in_hand.hand_back([one for one in parcel.tries if one.id in said.not_ours])
        left = [one for one in parcel.tries if said.lets_go(one.id)]
        if len(left) == len(parcel.tries):
            return parcel
        return Parcel(left, parcel.rounds) if left else None

    def _has_token(self, one: Try, now: int) -> bool:
        if not one.target.fetches_token:
            return True
        return self._asked(one.target, self._tokens.give, one, now)

    def _asked(self, target: Target, ask: Callable[P, T], *given: P.args, **more: P.kwargs) -> T:
        """What ``ask`` gives, which has the plugin do its part: that counts for its time."""
        begun = perf_counter()
        said = ask(*given, **more)
        self._barred.note_time(target.plugin.slug, perf_counter() - begun, target.id)
        return said

    def _has_request(self, parcel: Parcel) -> bool:
        """Have its request made. Many that can't be packed together go in halves, so that one spoils no other."""
        if self._barred.bars(parcel.target.id, parcel.target.plugin.slug):
            self._put_off(parcel)
            return False
        outcome = self._asked(parcel.target, tries.make_request, parcel)
        if outcome is None:
            self._barred.note_built(parcel.target.id)
            return True
        self._unpacked.add(parcel.target.id)
        if len(parcel.tries) == 1:
            self._conclude(parcel, [outcome])
        elif tries.did_not_end(outcome):
            self._conclude(parcel, [Retry(PLUGIN_TIMEOUT, tries.too_long("pack"))] * len(parcel.tries))
        else:
            self._send(parcel.smaller(parcel.tries))
        return False

    def _put_off(self, parcel: Parcel) -> None:
        """For want of time, until the next round: who handed it back would have its items made again, and again be
        late."""
        if self._barred.shuts_out(parcel.target.id, parcel.target.plugin.slug):
            self._in_hand.hand_back(parcel.tries)
        else:
            self._unmade.append(parcel)

    def _take_unmade(self, destination_id: int | None = None) -> list[Try]:
        taken = [one for one in self._unmade if destination_id in {None, one.target.id}]
        self._unmade = [one for one in self._unmade if destination_id not in {None, one.target.id}]
        return [one for parcel in taken for one in parcel.tries]

    def _hear(self, answers: Sequence[Answer]) -> None:
        """What there is no time for in this round is heard in the next; until then, it is on its way."""
        heard = []
        for answer in answers:
            if target := self._tokens.waits_for(answer.tag):
                self._hear_token(target, answer)
            elif self._barred.hurried and self._is_too_late_for(answer):
                self._unheard.append(answer)
            elif parcel := self._carrier.land(answer.tag):
                heard.append((parcel, self._read(parcel, answer), answer))
        for parcel, outcomes, answer in heard:
            self._conclude(parcel, outcomes, answer)
            self._send_next(parcel.target)  # only now, for it may have asked for a rest

    def _hear_last(self, answers: Sequence[Answer]) -> None:
        for answer in answers:
            if parcel := self._carrier.land(answer.tag):
                outcomes = reading.unread(parcel) if answer.response is not None else self._read(parcel, answer)
                self._conclude(parcel, outcomes, answer)

    def _hear_token(self, target: Target, answer: Answer) -> None:
        if self._has_no_time_for(target):
            self._unheard.append(answer)
            return
        self._asked(target, self._tokens.take, answer, self._now())

    def _is_too_late_for(self, answer: Answer) -> bool:
        parcel = self._carrier.flying_as(answer.tag)
        return parcel is not None and self._has_no_time_for(parcel.target)

    def _has_no_time_for(self, target: Target) -> bool:
        slug = target.plugin.slug
        return self._barred.had_its_time(slug) and not self._barred.is_stuck(slug)

    def _read(self, parcel: Parcel, answer: Answer) -> Sequence[Outcome | None]:
        if answer.failure is not None:
            return reading.unanswered(parcel, answer.failure)
        if answer.response is None:
            return [None]
        if self._barred.is_stuck(parcel.target.plugin.slug):
            return reading.unread(parcel)
        outcomes = self._asked(parcel.target, reading.read, parcel, answer.response)
        self._note_what_fails(parcel, outcomes)
        return outcomes

    def _conclude(self, parcel: Parcel, outcomes: Sequence[Outcome | None], answer: Answer | None = None) -> None:
        written = records.write_up(parcel, outcomes, self._now(), self._seal, answer)
        self._in_hand.finished += written
        if answer is None:
            self._note_what_fails(parcel, outcomes)
        over = [one for one, finished in zip(parcel.tries, written, strict=True) if finished.settled]
        self._in_hand.let_go(over)
        if any(one.rests for one in written):
            self.let_rest(parcel.target.id)
        elif parcel.target.may_run_ahead and any(one.tells_of_failure for one in written):
            self._in_hand.hand_back(self._carrier.take_back(parcel.target.id))
        if len(over) < len(written):
            self._go_on(parcel, list(zip(parcel.tries, outcomes, strict=True)))

    def _go_on(self, parcel: Parcel, ended: Sequence[tuple[Try, Outcome | None]]) -> None:
        """What was not taken with the others travels again in smaller parcels, what needs a new token with one."""
        apart = [one for one, outcome in ended if isinstance(outcome, Split)]
        anew = [one for one, outcome in ended if one.wants_new_token(outcome)]
        for one in apart + anew:
            one.goes_on()
        for one in anew:
            one.renewed = True
            self._tokens.forget(one)
        self._start(anew)
        self._send(parcel.smaller(apart))

    def _note_what_fails(self, parcel: Parcel, outcomes: Sequence[Outcome | None]) -> None:
        destination_id = parcel.target.id
        for outcome in outcomes:
            if tries.did_not_end(outcome):
                self._barred.note_stuck(parcel.target.plugin.slug)
            elif parcel.request is None and tries.is_fault(outcome):
                barred = self._barred.note_unbuilt(destination_id)
                if barred and destination_id in self._unpacked:
                    self._in_hand.hand_back(self._batches.take(destination_id))
