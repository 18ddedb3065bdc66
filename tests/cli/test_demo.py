"""``ours demo``: a stream that the server takes without a warning, through the front door."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from ours.bootstrap import Ours
from ours.cli import double
from ours.cli.stream import calls
from ours.clock import DAY, now_ms
from ours.settings import load
from ours.web import create_app
from tests.cli.conftest import Terminal


@pytest.fixture
def address(ours: Ours) -> Iterator[str]:
    """A running web server."""
    server = make_server("127.0.0.1", 0, create_app(ours), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def at_work(ours: Ours) -> Iterator[Callable[..., None]]:
    """Starts the stations, with what they may reach."""
    stop, threads = threading.Event(), []

    def work(own: Ours) -> None:
        while not stop.is_set():
            while own.route.run():
                pass
            own.deliver.drain(stop, 0.2)
            stop.wait(0.02)
        own.close()

    def start(networks: str) -> None:
        own = Ours(load({**os.environ, "OURS_ALLOW_NETWORKS": networks}))
        _ = own.registry  # plugins are imported by one thread
        threads.append(threading.Thread(target=work, args=(own,)))
        threads[-1].start()

    yield start
    stop.set()
    for thread in threads:
        thread.join()


def test_the_demo_is_delivered_to_stand_ins_that_take_and_refuse(
    terminal: Terminal, ours: Ours, address: str, at_work: Callable[..., None]
) -> None:
    at_work("127.0.0.0/8")
    said = terminal.json("demo", "--doubles", "--events", "40", "--rate", "0", "--url", address)
    assert (said["mode"], said["accepted"]) == ("live", 40)
    told = {one["plugin"]: one for one in said["doubles"]}
    assert {"meta", "webhook"} < set(told) == set(double.names())
    assert all(one["kept"] > 0 for one in told.values())
    assert told["google_data_manager"]["not_delivered"]
    assert {one.status for one in ours.destinations.list()} == {"off"}
    assert ours.overview.balance().difference == 0


def test_a_server_that_may_not_reach_the_stand_ins_is_told_how_after_the_first_event(
    terminal: Terminal, ours: Ours, address: str, at_work: Callable[..., None]
) -> None:
    at_work("")
    refused = terminal.json("demo", "--doubles", "--events", "10", "--rate", "0", "--url", address, status=1)
    assert "OURS_ALLOW_NETWORKS=127.0.0.0/8" in refused["error"]
    assert ours.overview.balance().accepted == 1
    assert {one.status for one in ours.destinations.list()} == {"off"}


def test_what_is_invented_reaches_no_destination_that_is_not_a_stand_in(
    terminal: Terminal, ours: Ours, address: str, tmp_path: Path
) -> None:
    made = ours.destinations.add("file", "Archive", {"folder": str(tmp_path)}, events=["*"], actor="cli")
    refused = terminal.json("demo", "--doubles", "--url", address, status=1)
    assert "Archive" in refused["error"]
    assert [one.name for one in ours.destinations.list()] == ["Archive"]
    assert "--key" in terminal.json("demo", "--doubles", "--key", "x", "--url", address, status=1)["error"]
    ours.destinations.turn_off(made.id, actor="cli")


def test_the_same_seed_invents_the_same_stream() -> None:
    assert list(calls(100, 10**12, seed=3)) == list(calls(100, 10**12, seed=3))
    assert list(calls(100, 10**12, seed=3)) != list(calls(100, 10**12, seed=4))


def test_the_stream_has_every_kind_of_call() -> None:
    stream = list(calls(400, 10**12))
    names = {call.body.get("event", "identify") for call in stream}
    assert names == {"Page Viewed", "Product Added", "Purchase", "Lead", "identify"}
    times = [call.body["time"] for call in stream if "time" in call.body]
    assert 50 < len(times) < 250
    assert all(10**12 - 6 * DAY < moment <= 10**12 for moment in times)
    sent = [call.body["distinctId"] for call in stream if call.endpoint == "track"]
    assert 0 < len(sent) - len(set(sent)) < 40


def test_the_server_takes_every_call_without_a_warning(ours: Ours) -> None:
    client, key = create_app(ours).test_client(), ours.sources.add("Shop", actor="cli").test_key
    for call in calls(60, now_ms()):
        answer = client.post(f"/api/v1/{call.endpoint}", json=call.body, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200, answer.text
        assert "warnings" not in answer.json


def test_the_demo_makes_its_source_and_sends_test_events(terminal: Terminal, ours: Ours, address: str) -> None:
    words = ("demo", "--events", "120", "--rate", "0", "--url", address)
    said = terminal.json(*words)
    assert (said["address"], said["mode"], said["sent"], said["refused"]) == (address, "test", 120, 0)
    assert said["accepted"] == 120
    assert said["duplicates"] > 0
    source = ours.sources.find("Demo")
    assert source.test.received > 50
    assert source.live.received == 0
    terminal.json(*words)
    assert [one.name for one in ours.sources.list()] == ["Demo"]


def test_the_demo_sends_with_a_given_key(terminal: Terminal, ours: Ours, address: str) -> None:
    made = ours.sources.add("Shop", actor="cli")
    said = terminal.json("demo", "--events", "3", "--rate", "0", "--url", address, "--key", made.live_key)
    assert (said["mode"], said["accepted"]) == ("live", 3)
    assert len(ours.sources.list()) == 1


def test_the_demo_keeps_to_its_rate(terminal: Terminal, address: str) -> None:
    started = now_ms()
    terminal.json("demo", "--events", "11", "--rate", "20", "--url", address)
    assert now_ms() - started >= 500


def test_a_demo_without_a_server_or_a_good_key_says_so(terminal: Terminal, ours: Ours, address: str) -> None:
    assert "ours serve" in terminal.json("demo", "--url", "http://127.0.0.1:9", status=1)["error"]
    assert "refused the key" in terminal.json("demo", "--url", address, "--key", "unknown", status=1)["error"]
    ours.sources.deactivate(ours.sources.find("Demo").id, actor="cli")
    assert "deactivated" in terminal.json("demo", "--url", address, status=1)["error"]
