"""Whole servers: ``ours serve`` as an operator starts it, in a data folder of its own."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from click.testing import CliRunner

from ours import log
from ours.cli import cli

ROOT = Path(__file__).resolve().parents[2]
WITHIN = 60.0


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def until(what: Callable[[], Any], within: float = WITHIN, every: float = 0.05) -> Any:
    """Ask until the answer is true; fails with the last answer."""
    ends = time.monotonic() + within
    while True:
        answer = what()
        if answer:
            return answer
        if time.monotonic() > ends:
            pytest.fail(f"not within {within} s: {what!r} answered {answer!r}")
        time.sleep(every)


def name_of(process: psutil.Process) -> str:
    """As ``ps`` shows it, without ``ours:``; empty when it is gone."""
    try:
        return Path(f"/proc/{process.pid}/comm").read_text().strip().removeprefix("ours:")
    except OSError:
        return ""


@dataclass
class Server:
    """A running ``ours serve`` and the verbs of its command line."""

    home: Path
    port: int
    environ: dict[str, str]
    process: subprocess.Popen[str] | None = None
    said: list[str] = field(default_factory=list)
    command: tuple[str, ...] = ()
    """Another installation's ``ours``; its verbs are then typed in a process of their own."""
    folder: Path = ROOT
    verb: tuple[str, ...] = ("serve",)
    host: str = "127.0.0.1"
    within: tuple[str, ...] = ()
    """The words that start a program elsewhere on this machine: ``ip netns exec NAME``."""

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def log(self) -> Path:
        return self.home.parent / f"{self.home.name}.log"

    def start(self) -> "Server":
        written = self.log.open("a")
        begun = self.log.stat().st_size
        words = [*self.within, *(self.command or (sys.executable, "-m", "ours")), *self.verb]
        self.process = subprocess.Popen(
            words, cwd=self.folder, env=self.environ, stdout=written, stderr=written, text=True
        )
        written.close()
        greets = b"Ours is running" if self.verb == ("serve",) else b""
        until(lambda: self.ready() and greets in self.log.read_bytes()[begun:])
        return self

    def ready(self) -> bool:
        if self.process and self.process.poll() is not None:
            pytest.fail(f"the server ended:\n{self.log.read_text()}")
        try:
            return requests.get(f"{self.url}/health/ready", timeout=2).status_code == 200
        except (requests.ConnectionError, requests.Timeout):
            return False

    def stop(self, number: int = signal.SIGTERM) -> float:
        """End it; answers after how many seconds it had ended."""
        assert self.process
        begun = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(15)
        return time.monotonic() - begun

    def family(self) -> list[psutil.Process]:
        assert self.process
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, name: str) -> psutil.Process:
        """The supervisor's own child of this name; one that is just being restarted is waited for."""
        assert self.process
        supervisor = psutil.Process(self.process.pid)
        found: psutil.Process = until(lambda: next((o for o in supervisor.children() if name_of(o) == name), None))
        return found

    def key(self, mode: str = "live") -> str:
        found = re.search(rf"{mode.capitalize()} key\s+(\S+)", self.log.read_text())
        assert found, self.log.read_text()
        return found[1]

    def ours(self, *words: str) -> Any:
        """A verb of the command line with ``--json``; its document."""
        if not self.command:
            typed = CliRunner().invoke(cli, [*words, "--json"], env=self.environ, prog_name="ours")
            log.configure("WARNING", "text")  # the runner's stderr is gone
            assert typed.exit_code == 0, typed.output
            return json.loads(typed.stdout)
        done = subprocess.run(
            [*self.command, *words, "--json"],
            cwd=self.folder, env=self.environ, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout)

    def post(self, path: str, body: dict[str, Any], **options: Any) -> requests.Response:
        return requests.post(f"{self.url}/api/v1/{path}", json=body, timeout=30, **options)

    def track(self, event: str, *, mode: str = "live", **body: Any) -> requests.Response:
        return self.post("track", {"token": self.key(mode), "event": event, "userId": "user123"} | body)

    def balance(self) -> dict[str, int]:
        return dict(self.ours("balance"))

    def settled(self, **expected: int) -> dict[str, int]:
        """Wait until nothing is under way and these figures hold; answers the balance."""

        def reached() -> dict[str, int] | None:
            figures = self.balance()
            open_ = figures["pending"] + figures["sending"] + figures["retrying"]
            done = not open_ and all(figures[name] == count for name, count in expected.items())
            return figures if done else None

        figures = until(reached, within=60, every=0.3)
        assert figures["difference"] == 0, figures
        return dict(figures)


@contextmanager
def servers(folder: Path) -> Iterator[Callable[..., Server]]:
    """``make("home", allow_networks="127.0.0.0/8")`` starts a server; all are ended with the block.

    ``command`` and ``cwd``: another installation of ours, started elsewhere; ``verb``: not all of it.
    """
    made: list[Server] = []

    def make(
        name: str = "home", *, command: tuple[str, ...] = (), cwd: Path = ROOT, verb: str = "serve", **settings: Any
    ) -> Server:
        home, port = folder / name, free_port()
        given = {"home": home, "port": port, "plugins_dir": folder / "plugins", "log_format": "json"} | settings
        environ = {k: v for k, v in os.environ.items() if not k.startswith("OURS_")}
        environ |= {f"OURS_{k.upper()}": str(v) for k, v in given.items()}
        server = Server(home, port, environ, command=command, folder=cwd, verb=tuple(verb.split()))
        made.append(server)
        if verb != "serve":
            server.ours("db", "upgrade")
        return server.start()

    try:
        yield make
    finally:
        for server in made:
            if server.process and server.process.poll() is None:
                server.stop(signal.SIGKILL)


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """``make_server(allow_networks="127.0.0.0/8")`` starts a server; all are ended with the test."""
    with servers(tmp_path) as make:
        yield make


@pytest.fixture
def server(make_server: Callable[..., Server]) -> Server:
    return make_server(allow_networks="127.0.0.0/8")


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all who count only what they add. It has no destination."""
    with servers(tmp_path_factory.mktemp("standing")) as make:
        yield make(allow_networks="127.0.0.0/8")
