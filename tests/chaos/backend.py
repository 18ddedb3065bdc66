"""Backends that send as backends do: they repeat what was not answered, with the same distinctId, until it is."""

import itertools
import random
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

import requests

_THREADS = 4
_TEST_EVERY = 10
_PATIENCE = 60.0
_TIMEOUT = (1.0, 10.0)  # seconds to connect, and to be answered


class Backends:
    """Send until ``stop`` is set; what one server does not take, the next of them is offered.

    ``accepted``: event id → the moment of its 200; ``tested``: those of the test key.
    """

    def __init__(self, servers: Sequence[str], keys: dict[str, str], pause: float) -> None:
        self.accepted: dict[str, float] = {}
        self.tested: dict[str, float] = {}
        self.unanswered = 0
        self.refused = 0
        self.surprises: set[int] = set()
        self._urls, self._keys, self._pause = [f"{url}/api/v1/track" for url in servers], keys, pause
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(_THREADS)]

    def __enter__(self) -> "Backends":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        count = 0
        with requests.Session() as session:
            session.trust_env = False
            while not self._stop.is_set():
                mode = "test" if count % _TEST_EVERY == _TEST_EVERY - 1 else "live"
                self._send(session, mode, f"{number}-{count}")
                count += 1
                time.sleep(self._pause)

    def _send(self, session: requests.Session, mode: str, distinct_id: str) -> None:
        body = {
            "token": self._keys[mode], "event": f"Purchase {mode}", "userId": f"u{distinct_id[-2:]}",
            "distinctId": distinct_id,
        }  # fmt: skip
        ends = time.monotonic() + _PATIENCE
        for url in itertools.cycle(random.sample(self._urls, len(self._urls))):
            if time.monotonic() > ends:
                break
            with suppress(requests.RequestException):
                answer = session.post(url, json=body, timeout=_TIMEOUT)
                if answer.status_code == 200:
                    kept = self.tested if mode == "test" else self.accepted
                    kept.setdefault(answer.json()["eventId"], time.monotonic())
                    return
                self._note(answer)
            time.sleep(0.1)
        self.unanswered += 1

    def _note(self, answer: requests.Response) -> None:
        """Only "not now, try again in so many seconds" is an answer that a backend can live with."""
        if answer.status_code == 503 and answer.headers.get("Retry-After"):
            self.refused += 1
        else:
            self.surprises.add(answer.status_code)
