"""Two machines on one PostgreSQL and one Valkey: one is cut off, the other loses its power; nothing is lost."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ours.supervisor import valkey
from tests.chaos import judging
from tests.chaos.backend import Backends
from tests.chaos.hostile import Hostile
from tests.chaos.killing import Blow
from tests.conftest import KEY
from tests.whole.conftest import Server, free_port, until
from tests.whole.network import MIDDLE, NETWORK, Host, NoNamespaces, hosts

pytestmark = [pytest.mark.long, pytest.mark.allow_hosts(["127.0.0.1", NETWORK])]
PATIENCE = 90.0


@pytest.fixture
def machines() -> Iterator[list[Host]]:
    opened = hosts(2)
    try:
        made = opened.__enter__()
    except NoNamespaces as why:
        pytest.skip(f"NOT TESTED: many hosts: there are no network namespaces here, {why}")
    try:
        yield made
    finally:
        opened.__exit__(None, None, None)


@pytest.fixture
def installation(machines: list[Host], tmp_path: Path) -> Iterator[list[Server]]:
    """``ours serve`` on each machine, with a data folder of its own, on one database and one queue."""
    with ExitStack() as opened:
        place = Path(tempfile.mkdtemp(prefix="pg"))
        opened.callback(shutil.rmtree, place, ignore_errors=True)
        os.environ.setdefault("XDG_RUNTIME_DIR", str(place))
        from tests.chaos.power import listening

        database = opened.enter_context(listening(place, MIDDLE, free_port(MIDDLE), NETWORK))
        queue = free_port(MIDDLE)
        words = [valkey.find(), "--bind", MIDDLE, "--port", str(queue), "--protected-mode", "no", "--save", ""]
        running = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        opened.callback(running.wait)
        opened.callback(running.kill)
        shared = {"DATABASE_URL": database, "REDIS_URL": f"redis://{MIDDLE}:{queue}/0", "SECRET_KEYS": KEY,
                  "ALLOW_NETWORKS": NETWORK, "HOST": "0.0.0.0", "LOG_FORMAT": "json",
                  "PLUGINS_DIR": str(tmp_path / "plugins")}  # fmt: skip
        calm = {name: value for name, value in os.environ.items() if not name.startswith("OURS_")}
        made = []
        for number, machine in enumerate(machines):
            home = tmp_path / f"home{number}"
            own = {"HOME": str(home), "PORT": "8000", **shared}
            environ = calm | {f"OURS_{name}": value for name, value in own.items()}
            server = Server(home, 8000, environ, host=machine.address, within=machine.within)
            opened.callback(_end, server)
            made.append(server.start())
        yield made


def _end(server: Server) -> None:
    if server.process and server.process.poll() is None:
        server.stop(signal.SIGKILL)


def test_one_host_cut_off_and_the_other_killed_lose_nothing(machines: list[Host], installation: list[Server]) -> None:
    one, two = installation
    blows: list[Blow] = []

    def strike(victim: str, blow: Callable[[], object]) -> None:
        blows.append(Blow(victim, time.monotonic()))
        blow()

    with Hostile(1, host=MIDDLE) as ear:
        one.ours("destination", "add", "webhook", "Hook", "--set", f"url={ear.url}/well", "--events", "*")
        keys = {mode: one.key(mode) for mode in ("live", "test")}
        with Backends([one.url, two.url], keys, 0.02) as backends:

            def goes_on() -> None:
                """Wait until something that was accepted from now on has arrived."""
                since = time.monotonic()
                until(lambda: {event for event, at in backends.accepted.copy().items() if at > since}
                      & {heard.event for heard in ear.heard()}, PATIENCE)  # fmt: skip

            goes_on()
            strike("cut", machines[0].cut)
            assert not one.ready()
            goes_on()
            time.sleep(20)  # until the leases of the one that is away have run out
            goes_on()
            strike("mend", machines[0].mend)
            until(one.ready, PATIENCE)
            strike("kill", lambda: two.stop(signal.SIGKILL))
            goes_on()
            two.start()
            goes_on()
        until(lambda: not judging.losses(backends.accepted, ear.heard(), ["/well"]), PATIENCE, every=0.2)
        figures = two.settled(accepted=len(backends.accepted) + len(backends.tested))
        heard = ear.heard()
    assert figures["delivered"] == len(backends.accepted) > 100
    assert figures["sunk"] == len(backends.tested)
    assert two.ours("balance", "--check")["difference"] == 0
    assert not [one for one in heard if one.event in backends.tested]
    assert (backends.unanswered, backends.surprises) == (0, set())
    repeats, _, unexplained = judging.duplicates(heard, blows)
    print(f"{len(backends.accepted):,} accepted, {repeats} taken twice")
    assert unexplained == []
