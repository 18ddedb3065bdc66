"""What the whole server costs while nothing happens: memory, the time until it is ready, and that of `ours --help`."""

import time
from collections.abc import Callable
from pathlib import Path

from bench import children, servers
from bench.finding import Contender, Figures, Finding, Plan, Ratio, interleave

_SETTLE_SECONDS = 2.0
_PATIENCE = 30.0
_KIB = 1024


def run(plan: Plan, say: Callable[[str], None]) -> Finding:
    measure(plan)  # the first start after an update compiles what it imports
    rows = interleave([Contender("ours", lambda: measure(plan))], plan.rounds, say)
    medians = rows[0].medians
    ratios = [
        Ratio("memory of all processes (MiB, PSS)", medians["MiB"], 250, most=True),
        Ratio("ready after (s)", medians["ready s"], 3, most=True),
        Ratio("`ours --help` after (s)", medians["help s"], 0.3, most=True),
    ]
    return Finding("`ours serve` with nothing to do", rows, ratios)


def measure(plan: Plan) -> Figures:
    with servers.ours_serve(plan.base) as server:
        time.sleep(_SETTLE_SECONDS)
        shares = [_pss(pid) for pid in family(server.process.pid)]
    return {
        "MiB": sum(shares),
        "processes": len(shares),
        "largest MiB": max(shares),
        "ready s": server.ready_seconds,
        "help s": _help(plan),
    }


def _help(plan: Plan) -> float:
    with servers.folder(plan.base) as home:
        begun = time.monotonic()
        children.output(children.python("ours", "--help"), home / "help.log", _PATIENCE)
        return time.monotonic() - begun


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rsplit(")", 1)[1].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def _pss(pid: int) -> float:
    """A process's own memory and its fair share of what it shares, in MiB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / _KIB
    return 0.0
