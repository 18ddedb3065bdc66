"""The turn to write: whoever keeps it keeps as few others waiting as can be."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from ours import processes
from ours.errors import Busy
from ours.store import turnstile
from ours.store.turnstile import Turnstile


@pytest.fixture
def others(tmp_path: Path) -> Iterator[Turnstile]:
    """Another process's."""
    with closing(Turnstile(tmp_path)) as opened:
        yield opened


def test_one_thread_that_waits_in_vain_is_enough(
    others: Turnstile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turnstile, "_PATIENCE", 0.3)
    with closing(Turnstile(tmp_path)) as ours:
        with others.turn():
            assert ours.kept_by(0.01) == (f"Process {os.getpid()}" if sys.platform == "linux" else "Another program")
            began = time.monotonic()
            with pytest.raises(Busy, match="whoever has the turn"), ours.turn():
                pass
            first = time.monotonic() - began
            with pytest.raises(Busy), ours.turn():
                pass
            assert time.monotonic() - began - first < first
        assert any(ours.comes(1) for _ in range(10))


def test_who_waits_for_a_thread_of_the_same_process_is_not_told_that_another_program_is_at_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turnstile, "_PATIENCE", 0.1)
    with closing(Turnstile(tmp_path)) as ours, ours.turn():
        refused: list[str] = []

        def ask() -> None:
            try:
                with ours.turn():
                    pass
            except Busy as error:
                refused.append(str(error))

        asking = threading.Thread(target=ask)
        asking.start()
        asking.join(60)
    assert refused
    assert "program" not in refused[0]


def test_threads_that_take_turns_are_never_taken_for_ones_that_wait_in_vain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turnstile, "_PATIENCE", 5.0)
    turns = []
    with closing(Turnstile(tmp_path)) as ours:

        def work() -> None:
            for _ in range(50):
                with ours.turn():
                    turns.append(1)

        threads = [threading.Thread(target=work) for _ in range(4)]
        with ExitStack() as ends:
            for thread in threads:
                thread.start()
                ends.callback(thread.join)
    assert len(turns) == 200


def test_who_is_in_a_hurry_hears_who_keeps_the_turn_and_gives_up_without_keeping_anybody_waiting(
    others: Turnstile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turnstile, "_SILENCE", 0.05)
    monkeypatch.setattr(turnstile, "_LONGEST", 0.3)
    heard: list[str] = []
    with closing(Turnstile(tmp_path)) as ours:
        ours.hurry(heard.append)
        with others.turn():
            with pytest.raises(Busy, match=r"keeps the turn to write: nobody .*`kill -CONT"), ours.turn():
                pass
            assert len(heard) == 1
            assert "keeps the turn to write" in heard[0]
        assert others.comes(10)
        with ours.turn():
            assert not others.comes(0.01)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has a lock")
def test_who_was_stopped_in_line_is_named_as_well(others: Turnstile, tmp_path: Path) -> None:
    with closing(Turnstile(tmp_path)) as ours, ours.turn():
        pass  # which makes the files
    with processes.lock_file(tmp_path / "next.lock") as line:
        fcntl.flock(line, fcntl.LOCK_EX)
        assert others.kept_by(0.01) == f"Process {os.getpid()}"


_STOPPED = """
import os, signal, sys
from contextlib import closing
from pathlib import Path
from ours.store.turnstile import Turnstile
with closing(Turnstile(Path(sys.argv[1]))) as turnstile:
    with turnstile.turn():
        os.kill(os.getpid(), signal.SIGTSTP)
        print("in my turn", flush=True)
    print("went on", flush=True)
"""


def test_a_command_that_is_stopped_by_its_terminal_stops_after_its_turn(others: Turnstile, tmp_path: Path) -> None:
    words = [sys.executable, "-c", _STOPPED, str(tmp_path)]
    # A group of its own, of this session: where ours has no terminal behind it, nobody in ours can be stopped.
    command = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, process_group=0)
    try:
        _, status = os.waitpid(command.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        assert others.comes(10)
        command.send_signal(signal.SIGCONT)
        assert command.communicate(timeout=20)[0] == "in my turn\nwent on\n"
    finally:
        command.kill()
        command.communicate()
