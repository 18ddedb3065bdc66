"""Kills at bad moments: what was answered 200 is delivered in the end, and the balance is zero."""

import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psutil
import pytest
import redis
import requests

from tests.receiver import Receiver
from tests.whole.conftest import Server, until

pytestmark = pytest.mark.slow


class Load:
    """A backend that posts as fast as answers come, until stopped; remembers which events got their 200."""

    def __init__(self, server: Server) -> None:
        self.accepted: set[str] = set()
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

    def _run(self, number: int) -> None:
        count = 0
        while not self._stop.is_set():
            body = {"token": self._key, "event": "Purchase", "userId": f"u{number}", "distinctId": f"{number}-{count}"}
            with suppress(requests.RequestException):
                answer = requests.post(f"{self._server.url}/api/v1/track", json=body, timeout=10)
                if answer.status_code == 200:
                    self.accepted.add(answer.json()["eventId"])
                    count += 1
            time.sleep(0.004)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as opened:
        yield opened


@pytest.fixture
def delivering(server: Server, receiver: Receiver) -> Server:
    server.ours("destination", "add", "webhook", "Hook", "--set", f"url={receiver.url}", "--events", "*")
    return server


def direct(server: Server) -> list[psutil.Process]:
    """The supervisor's own children, all five, in the order of their start: at first valkey, web, route, deliver and
    scheduler; one that was restarted comes last.
    """
    assert server.process
    supervisor = psutil.Process(server.process.pid)
    children: list[psutil.Process] = until(lambda: all_ if len(all_ := supervisor.children()) == 5 else None)
    return sorted(children, key=lambda child: child.pid)


def received(receiver: Receiver) -> set[str]:
    return {json.loads(request.body)["data"]["id"] for request in list(receiver.requests)}


def all_arrive(server: Server, receiver: Receiver, load: Load) -> dict[str, Any]:
    assert load.accepted
    until(lambda: load.accepted <= received(receiver), within=60, every=0.2)
    return server.settled()


def test_the_deliver_worker_killed_in_mid_delivery(delivering: Server, receiver: Receiver) -> None:
    with Load(delivering) as load:
        for _ in range(3):
            time.sleep(0.7)
            os.kill(direct(delivering)[3].pid, signal.SIGKILL)
    all_arrive(delivering, receiver, load)


def test_the_web_server_killed_in_mid_load_main_process_and_worker(delivering: Server, receiver: Receiver) -> None:
    with Load(delivering) as load:
        time.sleep(0.7)
        main = direct(delivering)[1]
        os.kill(main.children()[0].pid, signal.SIGKILL)
        time.sleep(0.5)
        until(delivering.ready)
        time.sleep(0.5)
        os.kill(direct(delivering)[1].pid, signal.SIGKILL)
        time.sleep(0.5)
        until(delivering.ready)
        before = len(load.accepted)
        until(lambda: len(load.accepted) > before)
    all_arrive(delivering, receiver, load)


def test_the_supervisor_killed_and_started_again(delivering: Server, receiver: Receiver) -> None:
    with Load(delivering) as load:
        time.sleep(1)
        delivering.stop(signal.SIGKILL)
        time.sleep(0.3)
        delivering.start()
        time.sleep(0.5)
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
        os.kill(direct(delivering)[0].pid, signal.SIGKILL)
        time.sleep(1.5)
    all_arrive(delivering, receiver, load)


def test_deliveries_go_on_while_the_queue_is_stopped(delivering: Server, receiver: Receiver) -> None:
    queue = direct(delivering)[0]
    queue.suspend()
    try:
        with Load(delivering) as load:
            time.sleep(3)
        until(lambda: load.accepted <= received(receiver), within=40, every=0.2)
    finally:
        queue.resume()
    delivering.settled()


def test_a_test_event_never_leaves_whatever_is_killed(delivering: Server, receiver: Receiver) -> None:
    key, sent = delivering.key("test"), 0
    for number in range(60):
        with suppress(requests.RequestException):
            body = {"token": key, "event": "Purchase", "userId": "u", "distinctId": f"t{number}"}
            sent += requests.post(f"{delivering.url}/api/v1/track", json=body, timeout=10).status_code == 200
        if number % 20 == 10:
            os.kill(direct(delivering)[3].pid, signal.SIGKILL)
    figures = delivering.settled(accepted=sent)
    assert figures["sunk"] == sent
    assert receiver.requests == []
