"""Many processes on one PostgreSQL and one queue: each is restarted under load, and nothing is lost."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from ours.bootstrap import Ours
from ours.settings import load
from ours.supervisor import valkey
from tests.conftest import KEY
from tests.receiver import Receiver
from tests.whole.conftest import ROOT, free_port, until

pytestmark = pytest.mark.long

WORDS = {
    "web-1": ("web",), "web-2": ("web",), "route": ("worker", "route"), "deliver-1": ("worker", "deliver"),
    "deliver-2": ("worker", "deliver"), "scheduler": ("worker", "scheduler"),
}  # fmt: skip
PATIENCE = 90.0


class Cluster:
    """Each process has a data folder of its own, as on a machine of its own: they share two addresses and the keys."""

    def __init__(self, folder: Path, database: str) -> None:
        self._folder = folder
        self._shared = {
            "OURS_DATABASE_URL": database, "OURS_REDIS_URL": f"unix://{folder / 'q.sock'}", "OURS_SECRET_KEYS": KEY,
            "OURS_ALLOW_NETWORKS": "127.0.0.0/8", "OURS_LOG_FORMAT": "json",
            "OURS_PLUGINS_DIR": str(folder / "plugins"),
        }  # fmt: skip
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.ports = {"web-1": free_port(), "web-2": free_port()}

    def environ(self, name: str) -> dict[str, str]:
        calm = {key: value for key, value in os.environ.items() if not key.startswith("OURS_")}
        port = str(self.ports.get(name, 1))
        return calm | self._shared | {"OURS_HOME": str(self._folder / name), "OURS_PORT": port}

    def start(self, name: str) -> None:
        self._run(name, [sys.executable, "-m", "ours", *WORDS[name]])

    def start_queue(self) -> None:
        socket = str(self._folder / "q.sock")
        self._run("queue", [valkey.find(), "--port", "0", "--unixsocket", socket, "--save", "", "--daemonize", "no"])

    def _run(self, name: str, words: list[str]) -> None:
        with (self._folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(words, cwd=ROOT, env=self.environ(name), stdout=log, stderr=log)

    def stop(self, name: str, number: int = signal.SIGTERM) -> None:
        process = self._running.pop(name)
        process.send_signal(number)
        process.wait(15)

    def ready(self, name: str) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{self.ports[name]}/health/ready", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def close(self) -> None:
        for name in list(self._running):
            self.stop(name, signal.SIGKILL)


class Load:
    """Sends as a backend behind a balancer does: what one web process does not take, the other is offered."""

    def __init__(self, ports: list[int], key: str) -> None:
        self._ports = ports
        self._key = key
        self._stop = threading.Event()
        self.accepted: set[str] = set()
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(4)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _send(self, thread: int) -> None:
        count = 0
        while not self._stop.is_set():
            count += 1
            name = f"d{thread}-{count}"
            body = {"token": self._key, "event": "Purchase", "userId": f"u{count % 50}", "distinctId": name}
            for turn in range(40):
                if self._offer(self._ports[(thread + count + turn) % 2], body):
                    self.accepted.add(name)
                    break
                time.sleep(0.05)
            time.sleep(0.04)

    def _offer(self, port: int, body: dict[str, str]) -> bool:
        try:
            return requests.post(f"http://127.0.0.1:{port}/api/v1/track", json=body, timeout=10).status_code == 200
        except requests.RequestException:
            return False


@pytest.fixture
def cluster(tmp_path: Path, make_database_url: Callable[[str], str]) -> Iterator[Cluster]:
    made = Cluster(tmp_path, make_database_url("postgresql"))
    yield made
    made.close()


@pytest.fixture
def ours(cluster: Cluster) -> Iterator[Ours]:
    """The same installation, seen from the test's own process."""
    opened = Ours(load(cluster.environ("test")))
    yield opened
    opened.close()


def test_a_rolling_restart_of_everything_under_load_loses_nothing(cluster: Cluster, ours: Ours) -> None:
    key = ours.sources.add("Shop", actor="cli").live_key
    cluster.start_queue()
    for name in WORDS:
        cluster.start(name)
    with Receiver() as receiver:
        ours.destinations.add("webhook", "Hook", {"url": receiver.url}, events=["*"], actor="cli")
        until(lambda: cluster.ready("web-1") and cluster.ready("web-2"), PATIENCE)
        with Load(list(cluster.ports.values()), key) as sent:
            for name in WORDS:
                cluster.stop(name)
                cluster.start(name)
                if name in cluster.ports:
                    until(lambda name=name: cluster.ready(name), PATIENCE)
            cluster.stop("queue", signal.SIGKILL)
            cluster.start_queue()
            cluster.stop("scheduler", signal.SIGKILL)
            cluster.start("scheduler")
        assert len(sent.accepted) > 50
        until(lambda: ours.overview.balance().delivered == len(sent.accepted), PATIENCE, every=0.5)
        arrived = Counter(json.loads(one.body)["data"]["distinctId"] for one in receiver.requests)
    figures = ours.overview.balance()
    assert (figures.accepted, figures.difference) == (len(sent.accepted), 0)
    assert set(arrived) == sent.accepted
    assert max(arrived.values()) == 1  # nothing was killed with a request in hand
