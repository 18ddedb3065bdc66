"""How long from a backend's POST to the receiver, at a rate that leaves the machine room?"""

import http.client
import json
from collections.abc import Callable

from bench import servers
from bench.finding import Contender, Figures, Finding, Plan, Ratio, interleave
from bench.load import Job, Load, press
from bench.load.job import percentile
from bench.servers import Receiving
from bench.tally import Tally

RATE = 100
DESTINATIONS = 2
_WARM = 1.0
_LAST_WAIT = 10.0


def run(plan: Plan, say: Callable[[str], None]) -> Finding:
    rows = interleave([Contender("ours", lambda: measure(plan))], plan.rounds, say)
    medians = rows[0].medians
    ratios = [
        Ratio("POST → receipt, p50 (ms)", medians["receipt p50 ms"], 5, most=True),
        Ratio("POST → receipt, p99 (ms)", medians["receipt p99 ms"], 50, most=True),
        Ratio("answer to the POST, p99 (ms)", medians["answer p99 ms"], 20, most=True),
    ]
    return Finding(f"{RATE} events a second, each to {DESTINATIONS} webhooks", rows, ratios)


def measure(plan: Plan) -> Figures:
    with (
        servers.folder(plan.base) as home,
        servers.receiver(plan.base, "--moments") as receiver,
        servers.ours_serve(plan.base, [f"{receiver.url}/{number}" for number in range(DESTINATIONS)]) as server,
        Tally(receiver.tally) as tally,
    ):
        job = Job(port=server.port, key=server.key, tag="late", seconds=plan.seconds, warm=_WARM, rate=RATE)
        load = press(job, home)
        missing = tally.missing(load.sent * DESTINATIONS, _LAST_WAIT)
        took = _receipts(receiver, load)
    return {
        "receipt p50 ms": percentile(took, 0.5) * 1000,
        "receipt p99 ms": percentile(took, 0.99) * 1000,
        "answer p50 ms": load.p50_ms,
        "answer p99 ms": load.p99_ms,
        "failed": load.failed,
        "missing": missing,
    }


def _receipts(receiver: Receiving, load: Load) -> list[float]:
    """Seconds from the moment each event was sent to each of its receipts; those of the warming are left out."""
    came = ((int(name.rsplit("-", 1)[1]), moment) for name, moment in moments(receiver))
    return [moment - load.begun[number] for number, moment in came if number >= RATE * _WARM]


def moments(receiver: Receiving) -> list[tuple[str, float]]:
    """When each event came, by its distinctId."""
    connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=10)
    try:
        connection.request("GET", "/moments")
        return [(name, moment) for name, moment in json.loads(connection.getresponse().read())]
    finally:
        connection.close()
