"""The family of processes that ``ours serve`` starts, minds and ends; ``tests/whole`` has the real one."""

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from ours import log, processes
from ours.errors import SettingsInvalid
from ours.settings import Settings
from ours.supervisor import parts, port, welcome
from ours.supervisor.family import Family
from tests.fulldisk import FullDisk


def until(true: Callable[[], object]) -> None:
    ends = time.monotonic() + 10
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.01)


def sleeper(folder: Path) -> Callable[[], None]:
    """A child that leaves its number in the folder, and would stay for an hour."""

    def run() -> None:
        (folder / str(os.getpid())).touch()
        time.sleep(3600)

    return run


def numbers(folder: Path) -> set[int]:
    return {int(file.name) for file in folder.iterdir()}


def test_a_child_begins_when_it_is_added_and_ends_with_the_block(tmp_path: Path) -> None:
    with Family() as family:
        family.add("sleeper", sleeper(tmp_path))
        until(lambda: numbers(tmp_path))
    assert not any(psutil.pid_exists(number) for number in numbers(tmp_path))


def test_no_child_outlives_a_start_that_fails(tmp_path: Path) -> None:
    def start() -> None:
        with Family() as family:
            family.add("sleeper", sleeper(tmp_path))
            until(lambda: numbers(tmp_path))
            raise ValueError("the next step")

    with pytest.raises(ValueError, match="the next step"):
        start()
    assert not any(psutil.pid_exists(number) for number in numbers(tmp_path))


def test_who_falls_is_started_again(tmp_path: Path) -> None:
    with Family() as family:
        family.add("sleeper", sleeper(tmp_path))
        until(lambda: numbers(tmp_path))
        psutil.Process(next(iter(numbers(tmp_path)))).kill()
        family.until(lambda: len(numbers(tmp_path)) == 2, 10)
    assert len(numbers(tmp_path)) == 2


def test_a_machine_that_has_no_room_for_a_child_ends_none_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def fork() -> int:
        tries.append(time.monotonic())
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    with Family() as family:
        family.add("sleeper", sleeper(tmp_path))
        until(lambda: numbers(tmp_path))
        with monkeypatch.context() as patch:
            patch.setattr(os, "fork", fork)
            family.add("other", sleeper(tmp_path))
            assert family.until(lambda: len(tries) >= 2, 10)
        assert all(psutil.pid_exists(number) for number in numbers(tmp_path))
        assert family.until(lambda: len(numbers(tmp_path)) == 2, 10)


def test_what_a_child_forks_and_leaves_behind_keeps_nobody_from_starting_anew(tmp_path: Path) -> None:
    lock, folder = tmp_path / "serve.lock", tmp_path / "left"
    folder.mkdir()

    def run() -> None:
        processes.keep_locks()
        own = processes.exclusive(tmp_path / "worker-0.lock", "A worker")
        if os.fork():
            time.sleep(3600)
        assert not own.closed
        sleeper(folder)()

    with processes.exclusive(lock, "It"), Family() as family:
        family.add("worker", run)
        until(lambda: numbers(folder))
    (left,) = (psutil.Process(number) for number in numbers(folder))
    try:
        for name in ("serve.lock", "worker-0.lock"):
            processes.exclusive(tmp_path / name, "It").close()
        assert left.is_running()
    finally:
        left.kill()


def test_a_data_folder_whose_file_system_has_no_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(processes.fcntl, "flock", none)
    with pytest.raises(SettingsInvalid, match=r"serve\.lock can't be locked \(No locks available\)"):
        processes.exclusive(tmp_path / "serve.lock", "It")


def test_what_a_plugin_forks_at_its_import_keeps_nobody_from_starting_anew(
    make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = make_settings()
    lock, child = settings.home / "serve.lock", tmp_path / "child"
    settings.plugins_dir.mkdir()
    (settings.plugins_dir / "forks.py").write_text(
        "import os, pathlib, time\n"
        "if not (child := os.fork()):\n    time.sleep(600)\n    os._exit(0)\n"
        f"pathlib.Path({str(child)!r}).write_text(str(child))\n"
        "from ours.plugin import Destination, hookimpl\n"
        "class Forks(Destination):\n    slug = label = 'forks'\n    def build(self, delivery): pass\n"
        "@hookimpl\ndef register_destinations(): return [Forks]\n"
    )
    with processes.exclusive(lock, "It"):
        parts.prepare(settings)
        left = psutil.Process(int(child.read_text()))
        if not (own := os.fork()):  # a child of ours keeps it, as before
            time.sleep(600)
            os._exit(0)
    try:
        assert left.status() != psutil.STATUS_ZOMBIE
        with pytest.raises(processes.AlreadyRunning):
            processes.exclusive(lock, "It")
        _end(own)
        processes.exclusive(lock, "It").close()
    finally:
        _end(own)
        _end(left.pid)


def _end(child: int) -> None:
    with suppress(ChildProcessError, ProcessLookupError):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_port_is_waited_for_while_the_one_before_ends(make_settings: Callable[..., Settings]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as before:
        settings = make_settings(port=before.getsockname()[1])
        with pytest.raises(SettingsInvalid, match="OURS_PORT: Another program listens"):
            port.check(settings)
        ending = threading.Timer(0.3, before.close)
        ending.start()
        port.check(settings, 10)
        assert before.fileno() == -1


def test_what_is_waited_for_in_vain_is_told() -> None:
    with Family() as family:
        assert family.until(lambda: True)
        assert not family.until(lambda: False, 0.1)


@pytest.mark.parametrize(("up", "said"), [(True, "Ours is running"), (False, "Ours is not up yet")])
def test_only_a_server_that_answers_is_said_to_run(
    make_settings: Callable[..., Settings], capsys: pytest.CaptureFixture[str], up: bool, said: str
) -> None:
    welcome.say(make_settings(), None, up=up)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(("terminal", "called"), [(True, "/opt/ours/.venv/bin/ours"), (False, "ours")])
def test_the_command_is_called_as_it_was_typed_where_somebody_typed_it(
    make_settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    terminal: bool,
    called: str,
) -> None:
    """In the journal of the service, the plain path would look for its data folder elsewhere."""
    monkeypatch.setattr(os, "isatty", lambda _number: terminal)
    monkeypatch.setattr(sys, "argv", ["/opt/ours/.venv/bin/ours", "serve"])
    welcome.say(make_settings(), welcome.Greeting("secret", "live", "test_"), up=True)
    assert f"later: `{called} source show`." in capsys.readouterr().out


def test_a_greeting_that_can_not_be_written_ends_no_server(
    make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", FullDisk())
    welcome.say(make_settings(), welcome.Greeting("secret", "live", "test_"), up=True)


def test_the_queue_begins_before_what_is_heavy_is_imported() -> None:
    code = "import sys, ours.supervisor; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"sqlalchemy", "flask", "granian", "rq", "redis", "requests"} & set(done.stdout.split())


def test_a_family_lives_on_when_nothing_that_it_says_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", FullDisk())
    log.configure()
    with Family() as family:
        family.add("faller", lambda: (tmp_path / str(os.getpid())).touch())
        assert family.until(lambda: len(numbers(tmp_path)) > 1, 10)
    monkeypatch.undo()
    log.configure()
