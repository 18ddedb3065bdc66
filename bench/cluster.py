"""Processes of ours on one PostgreSQL and one queue, as they would run on machines of their own."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import children, servers
from bench.installation import LOOPBACK, prepare

_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="  # 32 bytes for benchmarks


@dataclass(frozen=True, slots=True)
class Cluster:
    """The web processes' ports, and a live key."""

    ports: Sequence[int]
    key: str


@contextmanager
def cluster(base: Path, webs: int, workers: Sequence[str], hooks: Sequence[str] = ()) -> Iterator[Cluster]:
    """``workers`` are stations, one process each."""
    with ExitStack() as stack:
        home = stack.enter_context(servers.folder(base))
        environ = {
            "OURS_HOME": str(home / "data"), "OURS_DATABASE_URL": stack.enter_context(servers.postgres(home)),
            "OURS_REDIS_URL": f"unix://{stack.enter_context(servers.queue(home))}", "OURS_SECRET_KEYS": _KEY,
            "OURS_ALLOW_NETWORKS": LOOPBACK, "OURS_LOG_LEVEL": "WARNING", "OURS_PLUGINS_DIR": str(home / "plugins"),
        }  # fmt: skip
        key = prepare(environ, hooks)
        for number, station in enumerate(workers):
            words = children.python("ours", "worker", station)
            stack.enter_context(children.running(words, home / f"{station}-{number}.log", environ))
        made = [
            stack.enter_context(servers.ours_web_on(home / f"web-{number}", environ, key)) for number in range(webs)
        ]
        yield Cluster([one.port for one in made], key)
