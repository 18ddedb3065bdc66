"""``ours backup``, ``restore`` and ``db copy`` as they are typed."""

import json
import os
from pathlib import Path

import pytest

from ours import processes
from ours.bootstrap import Ours
from ours.errors import Busy
from ours.settings import load
from ours.store.queries import whole
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
    assert json.loads(done.stdout)["access"]["keys"] == ["Shop (live 1)", "Shop (test 2)"]
    assert "ours lockout" in done.stderr
    assert [source["name"] for source in terminal.json("source", "list")] == ["Shop"]


def test_what_was_revoked_in_the_home_that_stood_before_stays_so(
    terminal: Terminal, ours: Ours, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours.sources.add("Shop", actor="cli")
    file = tmp_path / "ours.backup"
    terminal.json("backup", str(file))
    terminal.json("source", "revoke", "Shop", "1", "--yes")
    new = tmp_path / "new"
    new.mkdir(mode=0o700)
    (new / "secret.key").write_bytes((tmp_path / "home" / "secret.key").read_bytes())
    monkeypatch.setenv("OURS_HOME", str(new))
    nowhere = tmp_path / "nowhere"
    assert (
        "There is no database in"
        in terminal.json("restore", str(file), "--instead-of", str(nowhere), status=1)["error"]
    )
    assert not nowhere.exists()
    done = terminal.run("restore", str(file), "--instead-of", str(tmp_path / "home"), "--json")
    assert json.loads(done.stdout)["access"]["keys"] == ["Shop (test 2)"]
    assert "ours lockout" not in done.stderr


def test_nothing_runs_on_a_database_whose_restore_was_interrupted(
    terminal: Terminal, ours: Ours, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whom it was to forget again is still there."""
    ours.sources.add("Shop", actor="cli")
    file, new = tmp_path / "ours.backup", tmp_path / "new"
    terminal.json("backup", str(file))
    new.mkdir(mode=0o700)
    (new / "secret.key").write_bytes((tmp_path / "home" / "secret.key").read_bytes())
    monkeypatch.setenv("OURS_HOME", str(new))

    def fail(_ours: Ours, _store: object) -> None:
        raise Busy("Something of this visitor is still in a worker's hand.")

    def killed(*_: object) -> int:
        raise SystemExit(9)

    with monkeypatch.context() as patch:
        patch.setattr(whole, "load", killed)
        terminal.run("restore", str(file))
    assert "ours restore, or ours db copy, once more" in terminal.run("doctor").stdout
    with monkeypatch.context() as patch:
        patch.setattr(Ours, "_forget_again", fail)
        terminal.json("restore", str(file), status=1)
    for verb in (["source", "list"], ["worker", "scheduler"]):
        assert "was interrupted" in terminal.run(*verb).stderr
    assert "A restore was interrupted" in terminal.run("doctor").stdout
    terminal.json("restore", str(file))
    assert [source["name"] for source in terminal.json("source", "list")] == ["Shop"]


def test_a_lockout_asks_first(terminal: Terminal, ours: Ours) -> None:
    ours.people.add("boss@example.com", "admin", actor="cli")
    assert terminal.json("lockout") == {"tokens": 0, "people": 1, "keys": 0, "done": False}
    assert "Refuse all tokens (0), all passwords (1)?" in terminal.run("lockout", typed="n\n").stderr
    assert ours.audit.latest("lock_out", "everybody") is None
    assert terminal.json("lockout", "--yes")["done"] is True
    assert ours.audit.latest("lock_out", "everybody")


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


def test_a_restore_into_a_database_that_is_not_there_says_what_to_do(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(tmp_path / "ours.backup")
    terminal.json("backup", file)
    monkeypatch.setenv("OURS_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert "Check that it runs" in terminal.json("restore", file, status=1)["error"]
