"""How fast a destination may be delivered to, as options of ``ours destination``, and as it is shown."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from ours.cli.shell import options
from ours.clock import iso

if TYPE_CHECKING:
    from ours.services.destinations import Destination

OPTIONS = ("max_in_flight", "rate_limit", "retry_schedule", "drain_rate")
_CLEAR = "none"

limit_options = options(
    click.option("--max-in-flight", metavar="N",
                 help="Tries at the same time, over all workers; by default 64 per worker."),
    click.option("--rate", "rate_limit", metavar="N", help="Tries per second, over all workers; none: no limit."),
    click.option("--schedule", "retry_schedule", metavar="SECONDS,…",
                 help="The longest wait after each failed try; none: the usual ten, 29 hours at most."),
    click.option("--drain-rate", metavar="N", help="Dispatches per second after it is resumed; none: all at once."),
)  # fmt: skip


def read(typed: Mapping[str, str | None]) -> dict[str, Any]:
    """Those of the options that were given, as the service takes them."""
    given = {name: text for name, text in typed.items() if text is not None}
    return {name: _value(name, text) for name, text in given.items()}


def show(one: "Destination") -> Mapping[str, Any]:
    """The destination's limits and its breaker."""
    limits, breaker = one.limits, one.breaker
    return {
        "limits": {
            "maxInFlight": limits.max_in_flight,
            "rate": limits.rate_limit,
            "schedule": list(limits.retry_schedule),
            "drainRate": limits.drain_rate,
        },
        "breaker": {"state": breaker.state, "failures": breaker.failures, "until": iso(breaker.until)},
        "restsUntil": iso(one.rests_until),
    }


def _value(name: str, text: str) -> Any:
    if text == _CLEAR:
        return None
    return [part.strip() for part in text.split(",")] if name == "retry_schedule" else text
