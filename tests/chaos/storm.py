"""One run: a whole server under load, a hostile receiver, blows at random moments; then calm, and the reckoning."""

import os
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ours.bootstrap import Ours
from ours.core.balance import Balance
from ours.settings import load
from tests.chaos import judging
from tests.chaos.backend import Backends
from tests.chaos.hostile import Hostile
from tests.chaos.judging import Verdict
from tests.chaos.killing import Killer
from tests.whole.conftest import Server, free_port

PATHS = ("/well", "/hostile")
_SCHEDULE = [1, 1, 2, 2, *[3] * 16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``gap``: the longest wait between blows; ``patience``: how long all may take to settle once it is calm;
    ``only``: these blows and no others."""

    seed: int
    seconds: float = 60.0
    gap: float = 4.0
    pause: float = 0.02
    patience: float = 180.0
    hangs: bool = True
    only: tuple[str, ...] = ()


def run(plan: Plan, database: str, say: Callable[[str], None]) -> Verdict:
    """``database``: ``sqlite`` or ``postgresql``."""
    with ExitStack() as opened:
        folder = opened.enter_context(_folder())
        url, restart = opened.enter_context(_database(database, folder))
        ear = opened.enter_context(Hostile(plan.seed, hangs=plan.hangs))
        server = _server(folder, url)
        opened.callback(_end, server)
        server.start()
        ours = Ours(load(server.environ))
        opened.callback(ours.close)
        for path in PATHS:
            ours.destinations.add("webhook", path.strip("/"), {"url": ear.url + path}, events=["*"],
                                  limits={"retry_schedule": _SCHEDULE}, actor="cli")  # fmt: skip
        killer = Killer(server, plan.seed, restart, plan.only)
        return _weather(plan, server, ours, ear, killer, say)


def _end(server: Server) -> None:
    if server.process and server.process.poll() is None:
        server.stop(signal.SIGTERM)


def _weather(
    plan: Plan, server: Server, ours: Ours, ear: Hostile, killer: Killer, say: Callable[[str], None]
) -> Verdict:
    dice = random.Random(plan.seed)
    keys = {mode: server.key(mode) for mode in ("live", "test")}
    with Backends([server.url], keys, plan.pause) as backends:
        ends = time.monotonic() + plan.seconds
        time.sleep(1.0)
        while time.monotonic() < ends:
            blow = killer.strike()
            say(f"{len(killer.blows):3}  {blow.victim:<11} {len(backends.accepted):,} accepted")
            time.sleep(dice.uniform(0.3, plan.gap))
        time.sleep(1.0)
    ear.calm.set()
    begun = time.monotonic()
    while judging.losses(backends.accepted, ear.heard(), PATHS) and time.monotonic() - begun < plan.patience:
        time.sleep(0.1)
    figures = _settled(ours, begun + plan.patience)
    settled_after = time.monotonic() - begun
    heard = ear.heard()
    repeats, cut_off, unexplained = judging.duplicates(heard, killer.blows)
    recovered = judging.recoveries(backends.accepted, heard, killer.blows, "/well")
    slowest = {name: max(took for victim, took in recovered if victim == name) for name, _ in recovered}
    return Verdict(
        accepted=len(backends.accepted) + len(backends.tested),
        owed=len(backends.accepted) * len(PATHS),
        delivered=figures.delivered,
        refused=figures.rejected,
        lost=len(judging.losses(backends.accepted, heard, PATHS)),
        tests_seen=sum(one.event in backends.tested or one.name.endswith("test") for one in heard),
        duplicates=repeats,
        cut_off=cut_off,
        unexplained=len(unexplained),
        kills=dict(sorted(Counter(blow.victim for blow in killer.blows).items())),
        recovery=dict(sorted(slowest.items())),
        usual_recovery=median([took for _, took in recovered] or [0.0]),
        settled_after=settled_after,
        difference=figures.difference,
        faults=len(ours.reconcile.check()),
        surprises=sorted(backends.surprises),
        asked_to_wait=backends.refused,
        unanswered=backends.unanswered,
    )


def _settled(ours: Ours, ends: float) -> Balance:
    """The balance once nothing is under way any more, or the patience is at its end."""
    while True:
        figures = ours.overview.balance()
        if not (figures.pending + figures.sending + figures.retrying + figures.held) or time.monotonic() > ends:
            return figures
        time.sleep(0.5)


def _server(folder: Path, url: str) -> Server:
    port = free_port()
    given = {"HOME": folder / "home", "PORT": port, "PLUGINS_DIR": folder / "plugins", "LOG_FORMAT": "json",
             "ALLOW_NETWORKS": "127.0.0.0/8", "DATABASE_URL": url, "DELIVER_WORKERS": 2, "MIN_FREE_MB": 0}  # fmt: skip
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OURS_")}
    return Server(folder / "home", port, environ | {f"OURS_{name}": str(value) for name, value in given.items()})


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as made:
        yield Path(made)


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[tuple[str, Callable[[], None] | None]]:
    """Its address, and what fails its power and gives it back."""
    if kind == "sqlite":
        yield "", None
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    from tests.chaos.power import Database

    place = Path(tempfile.mkdtemp(prefix="pg"))
    database = Database(place)
    try:
        yield database.url, database.restart
    finally:
        database.close()
        shutil.rmtree(place, ignore_errors=True)
