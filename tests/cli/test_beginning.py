"""A verb that looks at an installation makes none: in the wrong folder it says so."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from ours.bootstrap import Ours
from ours.cli import cli
from ours.settings import Settings, load
from tests.cli.conftest import Terminal
from tests.whole.conftest import free_port

LOOKING = [
    ["backup", "a.backup"], ["balance"], ["balance", "--check"], ["doctor"], ["export"], ["source", "list"],
    ["destination", "list"], ["event", "list"], ["alert", "list"], ["person", "list"], ["secrets", "status"],
    ["apply", "--plan", "ours.yaml"], ["db", "partition", "--plan"], ["db", "copy", "sqlite:///b.db"],
    ["destination", "add", "file", "Archive", "--set", "folder=/tmp", "--event", "*"],
]  # fmt: skip


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder without an installation, as cron and root have it: OURS_HOME is not set."""
    folder = tmp_path / "nowhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("OURS_HOME")
    (folder / "ours.yaml").write_text("ours: 1\n")
    yield folder
    assert sorted(path.name for path in folder.iterdir()) == ["ours.yaml"]


@pytest.mark.parametrize("words", LOOKING, ids=" ".join)
def test_a_verb_that_looks_begins_no_installation(nowhere: Path, words: list[str]) -> None:
    result = Terminal().run(*words)
    said = " ".join(result.output.split())
    assert result.exit_code == 1
    assert f"no installation in {nowhere}/data (OURS_HOME is not set)" in said or words == ["doctor"]
    assert "OURS_HOME" in said


def test_a_machine_hears_it_too(nowhere: Path) -> None:
    assert Terminal().json("backup", "a.backup", status=1)["code"] == "no_installation"
    (finding,) = [one for one in json.loads(Terminal().run("doctor", "--json").stdout) if one["status"] == "fail"]
    assert finding["name"] == "installation"


def test_a_folder_that_is_named_is_named_back(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS_HOME", str(nowhere / "elsewhere"))
    said = Terminal().json("balance", status=1)["error"]
    assert said.startswith(f"There is no installation in {nowhere}/elsewhere. ")


def test_whether_a_backup_is_whole_is_seen_anywhere(
    nowhere: Path, make_database_url: Callable[[str], str], make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    make_database_url("sqlite")
    ours = Ours(make_settings())
    ours.backup.write(tmp_path / "a.backup")
    ours.close()
    assert Terminal().json("restore", "--check", str(tmp_path / "a.backup"))["whole"] is True


def test_an_author_of_plugins_needs_none(nowhere: Path) -> None:
    assert "webhook" in Terminal().text("plugin", "list")


def test_the_first_source_begins_one_and_says_where(tmp_path: Path) -> None:
    result = Terminal().run("source", "add", "Shop")
    assert result.exit_code == 0
    assert f"A new installation begins in {tmp_path / 'home'}" in result.stderr
    assert Terminal().json("source", "list")[0]["name"] == "Shop"


def test_a_setting_that_is_misspelt_is_named_where_one_may_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS_DATABSE_URL", "postgresql://ours@127.0.0.1:1/ours")
    monkeypatch.setenv("OURS_LOG_FORMAT", "json")
    told = Terminal().run("source", "add", "Shop").stderr.splitlines()[0]
    assert json.loads(told)["event"] == "no_such_setting"
    assert json.loads(told)["variable"] == "OURS_DATABSE_URL"


def test_a_server_without_our_tables_is_not_taken_for_ours(
    make_settings: Callable[..., Settings], postgres: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OURS_DATABASE_URL", postgres)
    assert "no tables of ours" in Terminal().json("backup", str(tmp_path / "a.backup"), status=1)["error"]
    assert not (tmp_path / "a.backup").exists()


def test_every_verb_that_may_begin_one_exists() -> None:
    from ours.cli.shell import _BEGINNERS

    for verb in _BEGINNERS:
        command: click.Command | None = cli
        for word in verb.split():
            assert isinstance(command, click.Group)
            command = command.get_command(click.Context(command), word)
        assert command is not None
    assert load(begin=False).secret_keys == ()


@pytest.mark.parametrize("verb", ["serve", "web"])
def test_a_data_folder_that_the_server_can_not_write_is_named(
    ours: Ours, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setenv("OURS_PORT", str(free_port()))
    (ours.settings.home / f"{verb}.lock").mkdir()
    result = terminal.run(verb)
    assert result.exit_code == 1
    assert f"{verb}.lock can't be written (is a directory)" in " ".join(result.output.split())
