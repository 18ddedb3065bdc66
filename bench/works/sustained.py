"""Accept, route and deliver at once, for as long as it lasts: the rate at which no backlog grows.

The load is held back by the receiver: no event is sent while ``WINDOW`` before it have not arrived. So the backlog is
bounded by construction, and the rate is the one that the whole road carries.
"""

from collections.abc import Callable

from bench import servers
from bench.finding import Contender, Figures, Finding, Plan, Ratio, interleave
from bench.load import Job, press
from bench.tally import Tally

WINDOW = 1_000
_SECONDS = 10.0
_LAST_WAIT = 10.0


def run(plan: Plan, say: Callable[[str], None]) -> Finding:
    rows = interleave([Contender("ours", lambda: measure(plan))], 1, say)
    ratios = [Ratio("events delivered a second", rows[0].medians["events/s"], 1_700)]
    notes = [f"At most {WINDOW:,} events were on their way at any moment."]
    return Finding("Accepted, routed and delivered to one webhook", rows, ratios, notes)


def measure(plan: Plan) -> Figures:
    seconds = plan.seconds if plan.quick else _SECONDS
    with (
        servers.folder(plan.base) as home,
        servers.receiver(plan.base) as receiver,
        servers.ours_serve(plan.base, [receiver.url]) as server,
        Tally(receiver.tally) as tally,
    ):
        job = Job(port=server.port, key=server.key, tag="flow", seconds=seconds, warm=seconds / 4, window=WINDOW,
                  tally=str(receiver.tally))  # fmt: skip
        load = press(job, home)
        missing = tally.missing(load.sent, _LAST_WAIT)
    return {
        "events/s": load.received / load.seconds,
        "accepted/s": load.rate,
        "answer p50 ms": load.p50_ms,
        "answer p99 ms": load.p99_ms,
        "failed": load.failed,
        "missing": missing,
    }
