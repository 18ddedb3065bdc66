"""``ours backup``, ``restore`` and ``db copy`` as they are typed."""

import json
import os
from pathlib import Path

import pytest

from ours import processes
from ours.bootstrap import Ours
from ours.settings import load
from tests.cli.conftest import Terminal


def test_a_backup_is_written_checked_and_put_into_a_new_home(
    terminal: Terminal, ours: Ours, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours.sources.add("Shop", actor="cli")
    file = tmp_path / "ours.backup"
    written = terminal.json("backup", str(file))
    assert written["tables"]["sources"] == 1
    assert written["bytes"] == file.stat().st_size
    assert terminal.json("restore", "--check", str(file))["whole"] is True
    assert "not empty" in terminal.json("restore", str(file), status=1)["error"]
    monkeypatch.setenv("OURS_HOME", str(tmp_path / "new"))
    assert "secret" in terminal.json("restore", str(file), status=1)["error"].lower()
    (tmp_path / "new" / "secret.key").write_bytes((tmp_path / "home" / "secret.key").read_bytes())
    done = terminal.run("restore", str(file), "--json")
    assert json.loads(done.stdout)["difference"] == 0
    assert "revoke and remove anew" in done.stderr
    assert [source["name"] for source in terminal.json("source", "list")] == ["Shop"]


def test_a_copy_refuses_while_a_server_runs_and_says_what_it_copied(
    terminal: Terminal, ours: Ours, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours.sources.add("Shop", actor="cli")
    to = f"sqlite:///{tmp_path / 'other.db'}"
    with processes.exclusive(load(os.environ).home / "web.lock", "A web server"):
        assert "Stop it first" in terminal.json("db", "copy", to, status=1)["error"]
    assert "postgresql://" in terminal.json("db", "copy", "mysql://x", status=1)["error"]
    assert terminal.json("db", "copy", to)["tables"]["keys"] == 2
    monkeypatch.setenv("OURS_DATABASE_URL", to)
    assert [source["name"] for source in terminal.json("source", "list")] == ["Shop"]
