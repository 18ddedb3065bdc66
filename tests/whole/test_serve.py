"""``ours serve`` as an operator meets it: what it prints, how it ends, and that nothing outlives it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import psutil
import pytest
import requests

from ours.settings import load
from ours.store.turnstile import Turnstile
from ours.supervisor import valkey
from tests.whole.conftest import ROOT, Server, free_port, until

pytestmark = pytest.mark.slow


def gone(processes: list[psutil.Process]) -> bool:
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)


def refused(server: Server) -> bool:
    try:
        requests.get(f"{server.url}/health/live", timeout=1)
    except requests.ConnectionError:
        return True
    return False


def test_the_first_start_prints_what_a_newcomer_needs_and_later_starts_do_not(
    make_server: Callable[..., Server],
) -> None:
    server = make_server()
    said = server.log.read_text()
    assert server.key("test").startswith("test_")
    assert "admin@localhost" in said
    assert "curl -X POST" in said
    server.stop()
    server.log.write_text("")
    server.start()
    assert "Live key" not in server.log.read_text()
    shown = server.ours("source", "list")
    assert [source["name"] for source in shown] == ["My backend"]


def test_the_data_folder_is_closed_to_others(standing: Server) -> None:
    assert standing.home.stat().st_mode & 0o777 == 0o700
    there = [path for path in standing.home.iterdir() if not path.is_dir()]
    assert {"ours.db", "secret.key", "data.lock", "serve.lock", "scheduler.lock"} <= {path.name for path in there}
    assert [path.name for path in there if path.stat().st_mode & 0o077] == []


def test_the_data_folder_may_have_any_name(make_server: Callable[..., Server]) -> None:
    server = make_server("My data = a?b#c%20d")
    assert server.track("Purchase", mode="test").status_code == 200
    server.settled(accepted=1)
    assert "child_restarts" not in server.log.read_text()


def test_no_request_waits_for_a_plugin_that_hangs_while_it_is_imported(
    make_server: Callable[..., Server], tmp_path: Path
) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "hangs.py").write_text("import time\ntime.sleep(1000)\n")
    server = make_server(verb="web")
    token = server.ours("token", "add", "CI", "--scope", "destinations:write")["token"]
    body = {"type": "webhook", "name": "Hook", "settings": {"url": "https://example.com"}, "events": []}
    answer = requests.post(
        f"{server.url}/api/admin/v1/destinations", json=body, headers={"Authorization": f"Bearer {token}"}, timeout=10
    )
    assert answer.status_code == 201
    assert "It had not ended after 5 seconds while it was imported" in server.log.read_text()


def test_what_waits_for_the_disk_holds_no_thread(make_server: Callable[..., Server]) -> None:
    server = make_server(verb="web", web_threads=2)
    key = server.ours("source", "add", "Shop")["key"]
    with closing(Turnstile(server.home)) as turnstile, ThreadPoolExecutor(5) as backends:
        with turnstile.turn():
            bodies = [{"token": key, "event": "Purchase", "userId": "u1", "distinctId": str(n)} for n in range(5)]
            answers = [backends.submit(server.post, "track", body) for body in bodies]
            assert wait(answers, timeout=1).done == set()
            assert requests.get(f"{server.url}/health/live", timeout=2).ok
        assert [answer.result().status_code for answer in answers] == [200] * 5
    assert sorted(answer.result().json()["distinctId"] for answer in answers) == ["0", "1", "2", "3", "4"]


def test_a_connection_rests_as_long_as_the_setting_says(make_server: Callable[..., Server]) -> None:
    server = make_server(verb="web", keep_alive_seconds=2)
    with socket.create_connection((server.host, server.port), timeout=9) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        began = time.monotonic()
        while connection.recv(65536):
            pass
        assert time.monotonic() - began > 1


def test_hundreds_of_silent_senders_keep_nobody_waiting(standing: Server) -> None:
    with ExitStack() as silent:
        for number in range(200):
            path, length = [("/api/v1/track", 500), ("/sign-in", 50), ("/api/admin/v1/sources", 9)][number % 3]
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{{"
            silent.enter_context(socket.create_connection((standing.host, standing.port))).sendall(head.encode())
        for _ in range(5):
            assert standing.track("Purchase", mode="test").status_code == 200
            assert requests.get(f"{standing.url}/sign-in", timeout=5).status_code == 200


@pytest.mark.long
def test_connections_that_rest_leave_room_for_others_where_few_files_may_be_open(
    make_server: Callable[..., Server],
) -> None:
    few = ("sh", "-c", 'ulimit -n 256; exec "$@"', "sh", sys.executable, "-m", "ours")
    server = make_server(verb="web", command=few)
    with ExitStack() as resting:
        for _ in range(300):
            connection = resting.enter_context(socket.create_connection((server.host, server.port)))
            connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        until(server.ready)


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_a_signal_ends_all_of_it_within_five_seconds(server: Server, number: signal.Signals) -> None:
    server.track("Purchase")
    family = server.family()
    assert len(family) >= 5
    assert server.stop(number) < 5
    assert gone(family)
    assert refused(server)


def test_nothing_outlives_a_killed_supervisor_and_the_next_start_works(server: Server) -> None:
    assert server.track("Purchase").status_code == 200
    family = server.family()
    server.stop(signal.SIGKILL)
    until(lambda: gone(family), within=5)
    server.start()
    server.settled(accepted=1)


def test_every_killed_child_is_replaced(standing: Server) -> None:
    before = standing.balance()["accepted"]
    family = standing.family()
    for child in family:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    until(lambda: gone(family))
    until(standing.ready)
    assert standing.track("Purchase").status_code == 200
    standing.settled(accepted=before + 1)


def refused_start(environ: dict[str, str], verb: str = "serve") -> str:
    """What `ours serve` says when it does not start."""
    done = subprocess.run(
        [sys.executable, "-m", "ours", verb],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done.stderr


def test_the_scheduler_moves_the_log_into_the_database(standing: Server) -> None:
    """Writers leave it alone, so that none of them has to wait for that."""
    database = standing.home / "ours.db"
    before = database.stat().st_size
    properties = {f"p{number}": "x" * 900 for number in range(20)}
    for part in range(4):
        many = [
            {"event": "Big", "userId": "user123", "distinctId": f"{part}-{number}", "eventProperties": properties}
            for number in range(100)
        ]
        sent = standing.post("batch", {"token": standing.key("test"), "events": many})
        assert sent.status_code == 200
    until(lambda: database.stat().st_size > before + 5_000_000)


def test_a_second_server_on_the_same_data_folder_is_refused_in_words(standing: Server) -> None:
    assert "already runs" in refused_start(standing.environ | {"OURS_PORT": str(free_port())})


@pytest.mark.parametrize("verb", ["serve", pytest.param("web", marks=pytest.mark.long)])
def test_a_port_at_which_another_server_of_ours_listens_is_refused_in_words(
    standing: Server, tmp_path: Path, verb: str
) -> None:
    said = refused_start(standing.environ | {"OURS_HOME": str(tmp_path)}, verb)
    assert f"Another program listens on port {standing.port}" in said


def test_an_address_that_is_not_this_machines_is_refused_in_words(tmp_path: Path) -> None:
    elsewhere = {"OURS_HOME": str(tmp_path), "OURS_HOST": "192.0.2.1", "OURS_PORT": str(free_port())}
    said = refused_start({**os.environ, **elsewhere})
    assert "OURS_HOST: Nobody can listen on 192.0.2.1 here" in said
    assert ":: is those and IPv6's" in said


def test_a_start_that_can_not_reach_its_database_leaves_no_queue_behind(tmp_path: Path) -> None:
    home = tmp_path / "data"
    nowhere = {"OURS_HOME": str(home), "OURS_DATABASE_URL": "postgresql://ours@127.0.0.1:9/ours"}
    assert "can't be reached" in refused_start({**os.environ, **nowhere, "OURS_PORT": str(free_port())})
    assert (home / "queue.log").exists()
    assert not valkey.answers(load({"OURS_HOME": str(home)}))


def test_wrong_settings_are_all_named_at_once() -> None:
    said = refused_start(
        {**os.environ, "OURS_PORT": "eighty", "OURS_ALLOW_NETWORKS": "10.0.0.0/99", "OURS_REDIS_URL": "ftp://x"}
    )
    for name in ("OURS_PORT", "OURS_ALLOW_NETWORKS", "OURS_REDIS_URL"):
        assert name in said
