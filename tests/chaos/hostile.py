"""A receiver that misbehaves by chance, and remembers what it said to whom: the truth that the report is made from."""

import json
import random
import threading
import time
from dataclasses import dataclass

from tests.receiver import Received, Receiver, Script

_HUGE = b"x" * 300_000
# How often each of these comes among a hundred; the rest is well. Few enough that the breaker opens now and then only.
_MOODS: dict[str, tuple[int, Script]] = {
    "500": (8, Script(500)),
    "429": (8, Script(429, headers={"Retry-After": "1"})),
    "reset": (6, Script(reset=True)),
    "slow": (4, Script(body=b"slowly", pause=0.15)),
    "huge": (4, Script(body=_HUGE)),
    "refusal": (3, Script(422)),
    "cut": (3, Script(body=b"half of it", cut=4)),
    "hang": (1, Script(hang=True)),
}
_TAKEN = {"well", "slow", "huge", "cut"}


@dataclass(frozen=True, slots=True)
class Heard:
    """One request. ``taken``: the receiver did what was asked; ``refused``: it said no for good."""

    path: str
    delivery: str
    event: str
    name: str
    mood: str
    at: float

    @property
    def taken(self) -> bool:
        return self.mood in _TAKEN

    @property
    def refused(self) -> bool:
        return self.mood == "refusal"


class Hostile(Receiver):
    """Well at ``/well…``; at ``/hostile`` as the dice fall, until ``calm`` is set."""

    def __init__(self, seed: int, *, hangs: bool = True, host: str = "127.0.0.1") -> None:
        super().__init__(host)
        self.calm = threading.Event()
        self._dice = random.Random(seed)
        self._hangs = hangs
        self._heard: list[Heard] = []
        self._lock = threading.Lock()

    def record(self, received: Received) -> Script:
        mood, script = "well", Script()
        with self._lock:
            if received.path.startswith("/hostile") and not self.calm.is_set():
                mood, script = self._mood()
            data = json.loads(received.body)["data"]
            self._heard.append(
                Heard(received.path, received.headers["webhook-id"], data["id"], data["event"], mood, time.monotonic())
            )
        return script

    def heard(self) -> list[Heard]:
        with self._lock:
            return list(self._heard)

    def _mood(self) -> tuple[str, Script]:
        fell = self._dice.randrange(100)
        for mood, (share, script) in _MOODS.items():
            if fell < share:
                return ("well", Script()) if mood == "hang" and not self._hangs else (mood, script)
            fell -= share
        return "well", Script()
