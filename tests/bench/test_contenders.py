"""The two that we are compared with do what they are there for."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import requests

from bench import senders, servers
from bench.load.bodies import event
from bench.servers import Server
from bench.tally import Tally
from bench.works.idle import family


@pytest.mark.parametrize("start", [servers.echo, servers.naive])
def test_it_takes_an_event_and_a_batch_and_leaves_no_process(
    start: Callable[[Path], AbstractContextManager[Server]], tmp_path: Path
) -> None:
    with start(tmp_path) as server:
        address = f"http://127.0.0.1:{server.port}/api/v1"
        one = requests.post(f"{address}/track", json={"token": server.key, **event("a", 1)}, timeout=10)
        rows = [event("b", number) for number in range(3)]
        many = requests.post(f"{address}/batch", json={"token": server.key, "events": rows}, timeout=10)
        pids = family(server.process.pid)
    assert (one.status_code, many.status_code) == (200, 200)
    assert len(pids) > 1
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@pytest.mark.parametrize("way", ["ours", "naive", "session", "bare"])
def test_every_way_of_sending_delivers_all_of_its_order(way: str, tmp_path: Path) -> None:
    with servers.receiver(tmp_path) as receiver, Tally(receiver.tally) as tally:
        sent = senders.send(senders.Order(way=way, url=receiver.url, home=str(tmp_path), count=3))
        assert sent.count == tally.count == 3
    assert sent.rate > 0
    assert sent.early == (way == "ours")


def test_what_arrived_before_the_clock_began_is_no_part_of_the_rate() -> None:
    assert senders.Sent(count=11, seconds=2.0, early=1).rate == 5.0


def test_a_hundred_events_travel_in_one_request(tmp_path: Path) -> None:
    with servers.receiver(tmp_path) as receiver, Tally(receiver.tally) as tally:
        sent = senders.send(senders.Order(way="batched", url=receiver.url, home=str(tmp_path), count=101))
        assert (sent.count, tally.count) == (101, 2)  # the first by itself, before the clock begins
