"""What is killed, and how: each victim with -9, the queue emptied, the database stopped as if its power had failed."""

import random
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil
import redis

from tests.whole.conftest import Server, name_of, until

_LONG = {"everything", "database"}  # they last, and hurt from their beginning on
_PROCESSES = ("web", "route", "deliver-1", "deliver-2", "scheduler")


@dataclass(frozen=True, slots=True)
class Blow:
    victim: str
    at: float


class Killer:
    """``strike`` one by chance. ``database`` restarts the database, where it is a server."""

    def __init__(
        self, server: Server, seed: int, database: Callable[[], None] | None, only: Sequence[str] = ()
    ) -> None:
        self.blows: list[Blow] = []
        self._server = server
        self._dice = random.Random(seed)
        ways: Mapping[str, Callable[[], None]] = {
            **{name: lambda name=name: self._kill(name) for name in _PROCESSES},
            "valkey": lambda: self._kill("valkey-server"),
            "flush": self._flush,
            "everything": self._everything,
            **({"database": database} if database else {}),
        }
        self._ways = {name: way for name, way in ways.items() if name in (only or ways)}
        self._left: list[str] = []

    def strike(self) -> Blow:
        """Each way comes once before any comes again."""
        if not self._left:
            self._left = list(self._ways)
            self._dice.shuffle(self._left)
        victim = self._left.pop()
        begun = time.monotonic()
        self._ways[victim]()
        blow = Blow(victim, begun if victim in _LONG else time.monotonic())
        self.blows.append(blow)
        return blow

    def _kill(self, name: str) -> None:
        """It may just be starting again after another blow: then wait until it is there."""
        until(lambda: self._killed(name), every=0.02)

    def _killed(self, name: str) -> int:
        killed = 0
        for process in self._server.family():
            with suppress(psutil.NoSuchProcess):
                if name_of(process) == name:
                    process.kill()
                    killed += 1
        return killed

    def _flush(self) -> None:
        with redis.Redis(unix_socket_path=str(self._server.home / "queue.sock")) as client, suppress(redis.RedisError):
            client.flushall()

    def _everything(self) -> None:
        self._server.stop(signal.SIGKILL)
        self._server.start()
