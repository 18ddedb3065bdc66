"""What a verb writes is there whole, or not at all, and says why in a sentence."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import click
import pytest

from ours.bootstrap import Ours
from ours.cli import scaffold
from ours.cli.files import new_file
from ours.errors import Invalid
from ours.services.visitors import Visitors
from tests.cli.conftest import Terminal


def test_a_file_that_the_disk_does_not_take_whole_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "jane.json"
    with pytest.raises(Invalid, match="No space left"), new_file(path) as file:  # noqa: PT012
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        _fill_the_disk_of(file.fileno())
        file.write("x" * 100_000)
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_is_interrupted_leaves_nothing(
    terminal: Terminal, ours: Ours, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours.sources.add("Shop", actor="cli")

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ours.cli.visitor._ids", lambda *_: ["0" * 32])
    monkeypatch.setattr(Visitors, "export", interrupted)
    file = tmp_path / "jane.json"
    assert terminal.run("visitor", "export", "jane", "--output", str(file)).exit_code == 1
    assert not file.exists()


def test_a_file_is_empty_until_all_of_it_is_written(tmp_path: Path) -> None:
    """Whoever is killed on the way leaves nothing at its name that could be taken for all of it."""
    path = tmp_path / "jane.json"
    with new_file(path) as file:
        file.write("half")
        file.flush()
        assert (path.read_text(), (tmp_path / "jane.json.part").read_text()) == ("", "half")
        assert stat.S_IMODE((tmp_path / "jane.json.part").stat().st_mode) == 0o600
        file.write(" and half")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("half and half", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_what_somebody_who_was_killed_left_is_not_written_over(tmp_path: Path) -> None:
    left = tmp_path / "jane.json.part"
    left.write_text("theirs")
    with (
        pytest.raises(click.UsageError, match=r"jane\.json\.part can't be made: File exists"),
        new_file(tmp_path / "jane.json"),
    ):
        pass
    assert left.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [left]


def test_a_plugin_that_could_not_be_written_can_be_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fdopen

    def full(handle: int, *rest: str, encoding: str) -> object:
        _fill_the_disk_of(handle)
        return real(handle, *rest, encoding=encoding)

    with monkeypatch.context() as patch, pytest.raises(Invalid, match="No space left"):  # noqa: PT012
        patch.setattr(os, "fdopen", full)
        scaffold.write("chat", tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert [one.name for one in scaffold.write("chat", tmp_path)] == ["chat.py", "test_chat.py"]


@pytest.mark.usefixtures("terminal")
def test_what_it_prints_and_nobody_takes_is_told_in_a_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        words = [sys.executable, "-m", "ours", "plugin", "list"]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "Error: What this prints can't be written: No space left on device.\n")


def _fill_the_disk_of(handle: int) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, handle)
    os.close(full)
