"""Processes of ours on one PostgreSQL and one queue, as they would run on machines of their own."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from redis import Redis
from rq import Worker

from bench import children, servers
from bench.installation import LOOPBACK, prepare

_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="  # 32 bytes for benchmarks
_STANDING = 3.0


class Member:
    """One process, which can be ended and started anew."""

    def __init__(self, run: Callable[[], AbstractContextManager[object]]) -> None:
        self._run = run
        self._running = ExitStack()

    def start(self) -> None:
        """Returns when it is ready."""
        self._running.enter_context(self._run())

    def end(self) -> None:
        """Ask it to, and wait."""
        self._running.close()


@dataclass(frozen=True, slots=True)
class Cluster:
    """The web processes' ports, a live key, every process by name, and what their environment says."""

    ports: Sequence[int]
    key: str
    members: Mapping[str, Member]
    environ: Mapping[str, str]


@contextmanager
def cluster(base: Path, webs: int, workers: Sequence[str], hooks: Sequence[str] = ()) -> Iterator[Cluster]:
    """``workers`` are stations, one process each."""
    with ExitStack() as stack:
        home = stack.enter_context(servers.folder(base))
        socket = stack.enter_context(servers.queue(home))
        environ = {
            "OURS_HOME": str(home / "data"), "OURS_DATABASE_URL": stack.enter_context(servers.postgres(home)),
            "OURS_REDIS_URL": f"unix://{socket}", "OURS_SECRET_KEYS": _KEY,
            "OURS_ALLOW_NETWORKS": LOOPBACK, "OURS_LOG_LEVEL": "WARNING", "OURS_PLUGINS_DIR": str(home / "plugins"),
        }  # fmt: skip
        key = prepare(environ, hooks)
        ports = [children.free_port() for _ in range(webs)]
        books = stack.enter_context(Redis(unix_socket_path=str(socket)))
        members: dict[str, Member] = {}
        for number, port in enumerate(ports, 1):
            web = partial(servers.ours_web_on, home / f"web-{number}", environ, key, port)
            members[f"web {number}"] = Member(web)
        for place, station in enumerate(workers):
            number = workers[: place + 1].count(station)
            worker = partial(_worker, home / f"{station}-{number}", environ, station, books)
            members[f"{station} {number}"] = Member(worker)
        for member in members.values():
            stack.callback(member.end)
            member.start()
        yield Cluster(ports, key, members, environ)


def _worker(home: Path, environ: Mapping[str, str], station: str, books: Redis) -> AbstractContextManager[object]:
    """Ready when it stands in the queue's books. A scheduler stands in none: it is given a moment."""
    before, begun = Worker.count(connection=books), time.monotonic()

    def ready() -> bool:
        return Worker.count(connection=books) > before or (
            station == "scheduler" and time.monotonic() - begun > _STANDING
        )

    return servers.ours_worker_on(home, environ, station, ready)
