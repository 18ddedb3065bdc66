"""One try at one dispatch: from a plugin's request to what is written down about it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from requests import PreparedRequest, Request, Response

from ours import log
from ours.core import retry
from ours.core.answer import Answer, Failure
from ours.core.breaker import Verdict, verdict_of
from ours.core.mapping import context_of
from ours.core.reasons import tidy
from ours.core.retry import Decision
from ours.plugin import Delivered, Delivery, Duplicate, Outcome, Rejected, Retry, Skipped, Unknown
from ours.services.deliver.exchange import exchange, kept_request, kept_response
from ours.services.deliver.letters import Letter
from ours.services.deliver.targets import Target
from ours.store.queries.dispatches import NewAttempt, Settled

_logger = log.get("deliver")
_HOPELESS = {"ssrf_refused", "invalid_request", "response_too_large"}
_NAMES = {Delivered: "delivered", Duplicate: "duplicate", Skipped: "skipped", Rejected: "rejected", Retry: "retry",
          Unknown: "unknown"}  # fmt: skip

Seal = Callable[[dict[str, Any], str], bytes]


@dataclass(slots=True)
class Try:
    """A try under way. ``made`` is the plugin's request, ``request`` what goes on the wire; None before ``build``."""

    letter: Letter
    target: Target
    started_at: int
    made: Request | None = None
    request: PreparedRequest | None = None
    build_ms: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """What is written down about a try. ``verdict`` is what it says of the destination, if anything."""

    settled: Settled
    attempt: NewAttempt
    destination_id: int
    verdict: Verdict | None


def build(attempt: Try) -> Outcome | None:
    """Have the plugin build the request. An outcome means that there is nothing to send; a plugin's bug is one, too."""
    letter, target = attempt.letter, attempt.target
    if target.defect:
        return Rejected(target.defect, "Mend the destination's settings or mapping, then replay.")
    begun = time.perf_counter()
    delivery = Delivery(
        id=letter.claimed.delivery_id,
        event=letter.event,
        fields=target.mapping.apply(context_of(letter.event, letter.visitor)),
        settings=target.settings,
        attempt=letter.claimed.attempt,
        now=attempt.started_at,
    )
    try:
        made: object = target.plugin.build(delivery)
        if isinstance(made, Skipped | Rejected):
            return made
        if not isinstance(made, Request):
            return Rejected("build_failed", "The plugin's build() gave no request.")
        attempt.made, attempt.request = made, made.prepare()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin raises concerns this one dispatch
        cause = type(error).__name__
        _logger.warning("build_failed", plugin=target.plugin.slug, dispatch=letter.claimed.id, error=cause)
        return Rejected("build_failed", f"The plugin's build() raised {cause}.")
    finally:
        attempt.build_ms = round((time.perf_counter() - begun) * 1000)
    return None


def read(target: Target, response: Response) -> Outcome:
    try:
        outcome: object = target.plugin.read(response)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it was sent; what came of it nobody can say now
        return Unknown("read_failed", f"The plugin's read() raised {type(error).__name__}.")
    return outcome if isinstance(outcome, Outcome) else Unknown("read_failed", "The plugin's read() gave no outcome.")


def conclude_failure(failure: Failure) -> Outcome:
    """What a request that got no answer means."""
    if failure.code in _HOPELESS:
        return Rejected(failure.code, failure.message)
    return Unknown(failure.code, failure.message) if failure.arrived else Retry(failure.code, failure.message)


def finish(attempt: Try, outcome: Outcome, now: int, seal: Seal, answer: Answer | None = None) -> Finished:
    """Write up a try that had an outcome."""
    claimed = attempt.letter.claimed
    decision = retry.decide(
        outcome,
        attempt=claimed.attempt,
        now=now,
        dispatch_id=claimed.id,
        dedupes=attempt.target.plugin.dedupes,
        mode="live" if claimed.mode == "live" else "test",
        schedule=attempt.target.limits.retry_schedule,
    )
    return _write_up(attempt, decision, outcome, now, seal, answer)


def finish_sunk(attempt: Try, now: int, seal: Seal) -> Finished:
    """Write up a try whose request the sink kept."""
    return _write_up(attempt, retry.sunk(), None, now, seal, None)


def _write_up(
    attempt: Try, decision: Decision, outcome: Outcome | None, now: int, seal: Seal, answer: Answer | None
) -> Finished:
    claimed, target = attempt.letter.claimed, attempt.target
    response = answer.response if answer else None
    request = kept_request(attempt.request, claimed.mode, target.masker) if attempt.request else None
    timing = {
        "queue_ms": max(attempt.started_at - claimed.created_at, 0),
        "build_ms": attempt.build_ms,
        "connect_ms": answer.timing.connect_ms if answer else 0,
        "total_ms": answer.timing.total_ms if answer else now - attempt.started_at,
    }
    kept = exchange(request, kept_response(response, target.masker), _message(outcome, target), timing)
    return Finished(
        Settled(claimed.id, decision.state, decision.reason, decision.due_at),
        NewAttempt(
            dispatch_id=claimed.id,
            number=claimed.attempt,
            started_at=attempt.started_at,
            duration_ms=timing["total_ms"],
            outcome=_NAMES[type(outcome)] if outcome else "sunk",
            code=tidy(_code(outcome) or decision.reason or "") or None,
            status=response.status_code if response is not None else None,
            plugin_version=target.plugin.version,
            config_version=target.version,
            exchange=seal(kept, f"attempts:{claimed.id}:{claimed.attempt}"),
        ),
        target.id,
        verdict_of(outcome) if attempt.request else None,
    )


def _code(outcome: Outcome | None) -> str | None:
    return outcome.reason if isinstance(outcome, Skipped) else getattr(outcome, "code", None)


def _message(outcome: Outcome | None, target: Target) -> str:
    if outcome is None:
        return "Test mode: this is the request that would have been sent. Nothing was."
    text = outcome.note if isinstance(outcome, Delivered | Duplicate) else outcome.message
    return target.masker.text(text)
