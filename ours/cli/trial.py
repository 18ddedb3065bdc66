"""A server of its own in a folder beside the data folder, and a load on it: what ``ours bench`` measures."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

import orjson
from requests import PreparedRequest, Request

from ours.bootstrap import Ours
from ours.cli.shell import ACTOR
from ours.cli.stream import calls
from ours.clock import now_ms
from ours.errors import OursError
from ours.settings import load
from ours.store.queries.server import size
from ours.transport import Transport
from ours.web.serve import answers

_START_SECONDS = 30.0
_SETTLE_SECONDS = 120.0
_STOP_SECONDS = 10.0
_FLUSHES = 50
# `ours serve`, which ends with us however we end.
_BOUND = "import sys; from ours import cli, processes; processes.bind_to_parent(int(sys.argv[1])); cli.main(['serve'])"
_LOOPBACK = (ip_network("127.0.0.0/8"),)


class TrialError(OursError):
    code = "trial_failed"


@dataclass(frozen=True, slots=True)
class Measured:
    """Rates are a second, times milliseconds. ``busy``: the share of all processors in use; None where none is told."""

    accepted: float
    delivered: float
    failed: int
    p50: float
    p95: float
    p99: float
    flush: float
    busy: float | None
    bytes_per_event: float


def measure(disk: Path, seconds: float, connections: int) -> Measured:
    """Send to a server in a new folder on ``disk``, which is removed in the end. Nothing leaves this machine.

    :raises TrialError: when the server does not start, or does not deliver what it took.
    """
    with tempfile.TemporaryDirectory(prefix="ours-bench-", dir=disk, ignore_cleanup_errors=True) as made:
        folder = Path(made)
        with _serving(folder) as (ours, key):
            before, busy = _size(ours), _Busy()
            sent = _press(ours.settings.address, key, seconds, connections)
            share = busy.share()
            _settle(ours, len(sent.took))
            whole = time.monotonic() - sent.begun
            grown = _size(ours) - before
        took = sorted(sent.took)
        if not took:
            raise TrialError(f"The server took no event of {sent.failed}. See that nothing else needs this machine.")
        return Measured(
            accepted=len(took) / seconds, delivered=len(took) / whole, failed=sent.failed,
            p50=_percentile(took, 0.5), p95=_percentile(took, 0.95), p99=_percentile(took, 0.99),
            flush=_flush(folder), busy=share, bytes_per_event=grown / len(took),
        )  # fmt: skip


@contextmanager
def _serving(folder: Path) -> Iterator[tuple[Ours, str]]:
    """``ours serve`` as it comes, with one source and a destination that writes to a file."""
    home = folder / "home"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    given = {"OURS_HOME": str(home), "OURS_PORT": str(port), "OURS_HOST": "127.0.0.1", "OURS_LOG_LEVEL": "WARNING",
             "OURS_PLUGINS_DIR": str(folder / "plugins")}  # fmt: skip
    ours = Ours(load(given))
    try:
        ours.prepare()
        key = ours.sources.add("Bench", actor=ACTOR).live_key
        ours.destinations.add("file", "Bench", {"folder": str(folder / "out")}, events=["*"], actor=ACTOR)
        plain = {name: value for name, value in os.environ.items() if not name.startswith("OURS_")}  # noqa: TID251
        with (folder / "log").open("wb") as log:
            words = [sys.executable, "-c", _BOUND, str(os.getpid())]
            server = subprocess.Popen(words, env=plain | given, stdout=log, stderr=log)  # noqa: S603 - our own words
        try:
            _await(ours, server)
            yield ours, key
        finally:
            _stop(server)
    finally:
        ours.close()


def _await(ours: Ours, server: "subprocess.Popen[bytes]") -> None:
    ends = time.monotonic() + _START_SECONDS
    while not answers(ours.settings):
        if server.poll() is not None or time.monotonic() > ends:
            raise TrialError("The server for the trial did not start. `ours doctor` may say why.")
        time.sleep(0.05)


def _stop(server: "subprocess.Popen[bytes]") -> None:
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


@dataclass(frozen=True, slots=True)
class _Load:
    """``took``: milliseconds that each event which was taken waited for its answer."""

    begun: float
    took: Sequence[float]
    failed: int


def _press(address: str, key: str, seconds: float, connections: int) -> _Load:
    """Keep ``connections`` requests under way for ``seconds``."""
    transport, failed = Transport(_LOOPBACK), 0
    took: list[float] = []
    sent: dict[str, float] = {}
    requests = _requests(f"{address}/api/v1/track", key)
    begun = time.monotonic()
    try:
        while time.monotonic() < begun + seconds or sent:
            while len(sent) < connections and time.monotonic() < begun + seconds:
                tag, request = next(requests)
                sent[tag] = time.monotonic()
                transport.submit(tag, request)
            for answer in transport.wait(0.1):
                waited = (time.monotonic() - sent.pop(answer.tag)) * 1000
                if answer.response is not None and answer.response.status_code == 200:
                    took.append(waited)
                else:
                    failed += 1
    finally:
        transport.close()
    return _Load(begun, took, failed)


def _requests(address: str, key: str) -> Iterator[tuple[str, PreparedRequest]]:
    """The events of the demo's shop, again and again, each a new one."""
    bodies = [dict(call.body) for call in calls(500, now_ms()) if call.endpoint == "track"]
    ready = Request("POST", address, headers={"Content-Type": "application/json"}).prepare()
    number = 0
    while True:
        for body in bodies:
            number += 1
            request = ready.copy()
            request.body = orjson.dumps(body | {"token": key, "distinctId": str(number)})
            request.headers["Content-Length"] = str(len(request.body))
            yield str(number), request


def _settle(ours: Ours, accepted: int) -> None:
    ends = time.monotonic() + _SETTLE_SECONDS
    while (balance := ours.overview.balance()).delivered < accepted:
        if time.monotonic() > ends:
            raise TrialError(
                f"Only {balance.delivered:,} of {accepted:,} events were delivered in {_SETTLE_SECONDS:.0f} s."
            )
        time.sleep(0.05)


def _size(ours: Ours) -> int:
    with ours.store.read() as connection:
        return size(connection)


def _flush(folder: Path) -> float:
    """Milliseconds that the disk takes to make one page durable: the median."""
    took = []
    with (folder / "flush").open("wb", buffering=0) as file:
        for _ in range(_FLUSHES):
            file.write(bytes(4096))
            begun = time.perf_counter()
            os.fsync(file.fileno())
            took.append((time.perf_counter() - begun) * 1000)
    return _percentile(sorted(took), 0.5)


class _Busy:
    """How much of all processors is in use from now on."""

    def __init__(self) -> None:
        self._before = _ticks()

    def share(self) -> float | None:
        after = _ticks()
        if self._before is None or after is None:
            return None
        used, whole = (now - then for now, then in zip(after, self._before, strict=True))
        return used / whole if whole else None


def _ticks() -> tuple[int, int] | None:
    """Used and all ticks of all processors since the machine started; None where /proc does not tell."""
    try:
        figures = [int(figure) for figure in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return None
    return sum(figures) - figures[3] - figures[4], sum(figures)


def _percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
