"""Whose is each event, and which destinations is it owed to: beside the rate at which single events come in."""

from collections.abc import Callable
from functools import partial

from bench import children, servers
from bench.finding import Contender, Figures, Finding, Plan, compare, interleave
from bench.works.track import measure

_COUNT = 10_000
_PATIENCE = 120.0


def run(plan: Plan, say: Callable[[str], None]) -> Finding:
    contenders = [
        Contender("ours, routing", partial(_route, plan)),
        Contender("ours, accepting", partial(_accept, plan)),
    ]
    rows = interleave(contenders, plan.rounds, say)
    routing, accepting = rows
    ratios = [compare("routing ÷ accepting single events", routing, accepting, 2)]
    return Finding("Routing to one webhook, in one process", rows, ratios)


def _route(plan: Plan) -> Figures:
    count = plan.count(_COUNT)
    with servers.folder(plan.base) as home:
        said = children.output(children.python("bench.routing", str(home), str(count)), home / "routing.log", _PATIENCE)
    return {"events/s": count / float(said.splitlines()[-1])}


def _accept(plan: Plan) -> Figures:
    return {"events/s": measure(plan, servers.ours_web)["events/s"]}
