"""Kills at bad moments: what was answered 200 is delivered in the end, and the balance is zero."""

import itertools
import json
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import redis
import requests

from tests.receiver import Receiver
from tests.whole.conftest import Server, servers, until

pytestmark = pytest.mark.slow


class Load:
    """A backend that posts as fast as answers come, until stopped; remembers which events got their 200."""

    _numbers = itertools.count()

    def __init__(self, server: Server) -> None:
        self.accepted: set[str] = set()
        self._name = f"load{next(self._numbers)}"
        self._server = server
        self._key = server.key()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(4)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def goes_on(self) -> None:
        """Wait until more was accepted than can have been under way."""
        enough = len(self.accepted) + len(self._threads)
        until(lambda: len(self.accepted) > enough)

    def _run(self, number: int) -> None:
        count = 0
        while not self._stop.is_set():
            name = f"{self._name}-{number}-{count}"
            body = {"token": self._key, "event": "Purchase", "userId": f"u{number}", "distinctId": name}
            with suppress(requests.RequestException):
                answer = requests.post(f"{self._server.url}/api/v1/track", json=body, timeout=10)
                if answer.status_code == 200:
                    self.accepted.add(answer.json()["eventId"])
                    count += 1
            time.sleep(0.004)


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as opened:
        yield opened


@pytest.fixture(scope="module")
def delivering(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Server]:
    """One server for all of these; whatever was killed in one test must be there again for the next."""
    with servers(tmp_path_factory.mktemp("kills")) as make:
        server = make(allow_networks="127.0.0.0/8")
        server.ours("destination", "add", "webhook", "Hook", "--set", f"url={receiver.url}", "--events", "*")
        yield server


def received(receiver: Receiver) -> set[str]:
    return {json.loads(request.body)["data"]["id"] for request in list(receiver.requests)}


def all_arrive(server: Server, receiver: Receiver, load: Load) -> dict[str, Any]:
    assert load.accepted
    until(lambda: load.accepted <= received(receiver), within=60, every=0.2)
    return server.settled()


@pytest.mark.long
def test_the_deliver_worker_killed_in_mid_delivery(delivering: Server, receiver: Receiver) -> None:
    with Load(delivering) as load:
        for _ in range(3):
            time.sleep(0.7)
            delivering.child("deliver-1").kill()
    all_arrive(delivering, receiver, load)


def test_the_web_server_killed_in_mid_load_main_process_and_worker(delivering: Server, receiver: Receiver) -> None:
    with Load(delivering) as load:
        time.sleep(0.5)
        delivering.child("web").children()[0].kill()
        load.goes_on()
        delivering.child("web").kill()
        load.goes_on()
    all_arrive(delivering, receiver, load)


@pytest.mark.long
def test_the_supervisor_killed_and_started_again(delivering: Server, receiver: Receiver) -> None:
    with Load(delivering) as load:
        time.sleep(1)
        delivering.stop(signal.SIGKILL)
        time.sleep(0.3)
        delivering.start()
        load.goes_on()
    all_arrive(delivering, receiver, load)


def test_the_queue_flushed_again_and_again(delivering: Server, receiver: Receiver) -> None:
    client = redis.Redis(unix_socket_path=str(delivering.home / "queue.sock"))
    with Load(delivering) as load:
        for _ in range(10):
            time.sleep(random.uniform(0.05, 0.3))
            client.flushall()
    client.close()
    all_arrive(delivering, receiver, load)


def test_the_queue_killed(delivering: Server, receiver: Receiver) -> None:
    with Load(delivering) as load:
        time.sleep(0.5)
        delivering.child("valkey-server").kill()
        time.sleep(1.5)
    all_arrive(delivering, receiver, load)


def test_deliveries_go_on_while_the_queue_is_stopped(delivering: Server, receiver: Receiver) -> None:
    queue = delivering.child("valkey-server")
    queue.suspend()
    try:
        with Load(delivering) as load:
            time.sleep(1.5)
        until(lambda: load.accepted <= received(receiver), within=40, every=0.2)
    finally:
        queue.resume()
    delivering.settled()


def test_a_test_event_never_leaves_whatever_is_killed(delivering: Server, receiver: Receiver) -> None:
    key, sent = delivering.key("test"), 0
    before, heard = delivering.balance(), len(receiver.requests)
    for number in range(60):
        with suppress(requests.RequestException):
            body = {"token": key, "event": "Purchase", "userId": "u", "distinctId": f"t{number}"}
            sent += requests.post(f"{delivering.url}/api/v1/track", json=body, timeout=10).status_code == 200
        if number % 20 == 10:
            delivering.child("deliver-1").kill()
    figures = delivering.settled(accepted=before["accepted"] + sent)
    assert figures["sunk"] == before["sunk"] + sent
    assert len(receiver.requests) == heard
