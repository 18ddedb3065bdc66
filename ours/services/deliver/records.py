"""What is written down about tries: where each leaves its dispatch, and what is kept of it."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ours.core import retry
from ours.core.answer import Answer
from ours.core.breaker import FAULTS, Verdict, verdict_of
from ours.core.reasons import NO_WORD, tidy
from ours.core.retry import Decision
from ours.plugin import Delivered, Duplicate, Outcome, Rejected, Retry, Skipped, Split, Unauthorized, Unknown
from ours.services.deliver.exchange import Kept
from ours.services.deliver.tries import Parcel, Try, is_fault
from ours.store import binding
from ours.store.queries.dispatches import NewAttempt, Settled

_NAMES = {Delivered: "delivered", Duplicate: "duplicate", Skipped: "skipped", Rejected: "rejected", Retry: "retry",
          Unauthorized: "retry", Split: "retry", Unknown: "unknown"}  # fmt: skip

_WELL = (None, "worked")
_OUTAGE, _TOO_FAST = 500, 429
"""From the one status on, and with the other, the destination says that it is not well just now."""
Seal = Callable[[dict[str, Any], str], bytes]


class Finished(NamedTuple):
    """A try that ended. ``settled`` is None when the dispatch stays in hand and goes on in a smaller parcel.

    ``verdict`` is what the request says of the destination, if anything; of a batch, one of its tries has it.
    ``rests`` is how many seconds the destination wants to be left alone.
    """

    settled: Settled | None
    attempt: NewAttempt
    destination_id: int
    verdict: Verdict | None = None
    rests: float | None = None

    @property
    def tells_of_failure(self) -> bool:
        """Whether its destination, or its plugin, is not well."""
        return self.verdict not in _WELL


def write_up(
    parcel: Parcel, outcomes: Sequence[Outcome | None], now: int, seal: Seal, answer: Answer | None = None
) -> list[Finished]:
    """Write up the tries of a parcel, an outcome for each; None: the sink kept its request."""
    kept = Kept.of(parcel, answer)
    tells = parcel.request or parcel.asked or any(map(is_fault, outcomes))
    verdict = _verdict(parcel, outcomes, kept.status) if tells else None
    found = []
    for one, outcome in zip(parcel.tries, outcomes, strict=True):
        decision = _decision(one, outcome, now)
        found.append(
            Finished(
                _settled(one, decision) if decision else None,
                _attempt(one, outcome, decision, kept, now, seal),
                one.target.id,
                verdict,
                retry.asked(outcome) if isinstance(outcome, Retry) and outcome.throttle and one.live else None,
            )
        )
        verdict = None
    return found


def _verdict(parcel: Parcel, outcomes: Sequence[Outcome | None], status: int | None) -> Verdict | None:
    """A token that ran out says nothing of the destination."""
    tried = zip(parcel.tries, outcomes, strict=True)
    said = verdict_of([outcome for one, outcome in tried if outcome and not one.wants_new_token(outcome)])
    if said not in FAULTS or _blames_the_plugin(parcel, status):
        return said
    return "failed" if said == "read_failed" else None


def _blames_the_plugin(parcel: Parcel, status: int | None) -> bool:
    """One event that its plugin can't take is one, however often it is tried; and many stumble over an outage."""
    well = status is None or (status < _OUTAGE and status != _TOO_FAST)
    return well and all(one.live and one.number == one.spared + 1 for one in parcel.tries)


def _settled(one: Try, decision: Decision) -> Settled:
    return Settled(one.id, decision.state, decision.reason, decision.due_at, int(decision.spared))


def _decision(one: Try, outcome: Outcome | None, now: int) -> Decision | None:
    """What follows for the dispatch; None when it goes on."""
    if outcome is None:
        return retry.sunk()
    if one.stays(outcome):
        return None
    return retry.decide(
        outcome,
        attempt=one.number - one.spared,
        now=now,
        dispatch_id=one.id,
        dedupes=one.target.plugin.dedupes,
        mode="live" if one.live else "test",
        schedule=one.target.limits.retry_schedule,
        spared=one.spared,
        probe=one.probes,
    )


def _attempt(
    one: Try, outcome: Outcome | None, decision: Decision | None, kept: Kept, now: int, seal: Seal
) -> NewAttempt:
    target = one.target
    took = now - one.started_at if kept.total_ms is None else kept.total_ms
    exchange = kept.exchange(one, _message(outcome), took)
    return NewAttempt(
        dispatch_id=one.id,
        number=one.number,
        started_at=one.started_at,
        duration_ms=took,
        outcome=_NAMES[type(outcome)] if outcome else "sunk",
        code=tidy(_code(outcome) or (decision and decision.reason) or "") or None,
        status=kept.status,
        plugin_version=target.plugin.version,
        config_version=target.version,
        exchange=seal(exchange, binding.attempt(one.id, one.number)),
    )


def _code(outcome: Outcome | None) -> str | None:
    return outcome.reason if isinstance(outcome, Skipped) else getattr(outcome, "code", None)


def _message(outcome: Outcome | None) -> str:
    if outcome is None:
        return "Test mode: this is the request that would have been sent. Nothing was."
    if isinstance(outcome, Split):
        return f"Not taken together with the others: it was sent again with fewer. {outcome.message}".strip()
    if isinstance(outcome, Delivered | Duplicate):
        return str(outcome.note)
    code = _code(outcome)
    return f"{code}: {outcome.message}" if tidy(code) == NO_WORD else str(outcome.message)
