"""What holds for every verb: fast help, JSON, errors, and a database that is brought up to date."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner

from ours.bootstrap import Ours
from ours.cli import cli
from ours.cli.shell import Shell
from tests.cli.conftest import Terminal

ROOT = Path(__file__).resolve().parents[2]


def verbs(group: click.Group = cli, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    found = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        here = (*path, name)
        found += verbs(command, here) if isinstance(command, click.Group) else [(here, command)]
    return found


@pytest.mark.parametrize("path", [path for path, _ in verbs()], ids=" ".join)
def test_every_verb_explains_itself(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli, [*path, "--help"])
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) > 4


def test_the_front_door_run_as_a_script_explains_itself() -> None:
    words = [sys.executable, "app.py", "--help"]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    assert said.startswith("Usage: ours serve")


def test_every_verb_that_shows_something_speaks_json() -> None:
    silent = {("serve",), ("web",), ("worker",), ("db", "revise")}
    for path, command in verbs():
        has_json = any("--json" in parameter.opts for parameter in command.params)
        assert has_json == (path not in silent), path


def test_a_person_is_asked_and_a_script_is_not_though_it_runs_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = Shell()
    assert not shell.can_ask
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    assert shell.can_ask
    shell.as_json = True
    assert not shell.can_ask


@pytest.mark.parametrize("closed", ["<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_whoever_closed_our_streams_gets_no_traceback_and_no_file_takes_their_place(
    tmp_path: Path, closed: str
) -> None:
    numbers = [0] * ("<" in closed) + [1, 2] * (">" in closed)
    code = (
        "import os, sys; from ours.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print(sys.stdin.isatty(), flush=True), print(file=sys.stderr, flush=True)\n"
        f"same = [os.path.samestat(os.fstat(number), os.stat(os.devnull)) for number in {numbers}]\n"
        "print(*same, file=open(sys.argv[-1], 'w'))"
    )
    words = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", code, str(tmp_path / "told")]
    subprocess.run(words, cwd=ROOT, check=True)
    assert (tmp_path / "told").read_text() == " ".join(["True"] * len(numbers)) + "\n"


@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"}])
def test_what_is_printed_is_utf8_whatever_the_locale(tmp_path: Path, locale: dict[str, str]) -> None:
    def run(*words: str) -> str:
        code = "from ours.cli import main; main()"
        given = {**os.environ, "OURS_HOME": str(tmp_path), **locale}
        done = subprocess.run(
            [sys.executable, "-c", code, *words], cwd=ROOT, env=given, capture_output=True, check=True
        )
        return done.stdout.decode("utf-8")

    run("source", "add", "Büro ☕ 株")
    assert json.loads(run("source", "list", "--json"))[0]["name"] == "Büro ☕ 株"
    assert "Büro ☕ 株" in run("source", "list")


def test_a_plugin_that_crashes_at_its_import_ends_no_command_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "deadly.py").write_text("import ctypes\nctypes.string_at(0)\n")
    given = {**os.environ, "OURS_HOME": str(tmp_path / "home"), "OURS_PLUGINS_DIR": str(tmp_path)}
    words = [sys.executable, "-m", "ours", "plugin", "list"]
    done = subprocess.run([*words, "--json"], cwd=ROOT, env=given, capture_output=True, text=True, check=True)
    (aside,) = (one for one in json.loads(done.stdout) if one["reason"])
    assert "It ended the process (SIGSEGV) while it was tried (deadly.py, line 2, in <module>)." in aside["reason"]


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from ours.cli import main\ntry: main(['--help'])\nexcept SystemExit: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"sqlalchemy", "flask", "rich", "requests", "rq", "marshmallow", "pycurl", "ours.bootstrap"}


def test_json_may_stand_before_the_verb(terminal: Terminal) -> None:
    result = terminal.run("--json", "source", "list")
    assert json.loads(result.stdout) == []


def test_an_error_is_one_sentence_and_status_1(terminal: Terminal) -> None:
    result = terminal.run("source", "show", "Shop")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == 'Error: There is no source "Shop". There are: none yet.\n'


def test_an_error_in_json_names_the_fields(terminal: Terminal) -> None:
    said = terminal.json("source", "add", " ", status=1)
    assert said == {"error": said["error"], "code": "invalid", "errors": {"name": [said["error"]]}}


def test_a_mistyped_verb_or_option_is_json_too_when_that_was_asked_for(terminal: Terminal) -> None:
    for words in (("source", "list", "--nonsense"), ("source", "nonsense"), ("nonsense",)):
        assert terminal.json(*words, status=2)["code"] == "usage"


def test_wrong_settings_are_named(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS_PORT", "http")
    said = terminal.json("source", "list", status=1)
    assert said["code"] == "settings_invalid"
    assert "OURS_PORT" in said["error"]


@pytest.mark.parametrize("verb", [("serve",), ("web",), ("worker", "route")])
def test_what_keeps_a_server_from_starting_is_a_line_of_its_log_where_that_is_json(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, verb: tuple[str, ...]
) -> None:
    monkeypatch.setenv("OURS_LOG_FORMAT", "json")
    monkeypatch.setenv("OURS_PORT", "many")
    result = terminal.run(*verb)
    assert result.exit_code == 1
    line = json.loads(result.stderr)
    assert (line["event"], line["level"], line["code"]) == ("not_started", "error", "settings_invalid")
    assert "OURS_PORT" in line["error"]
    assert terminal.run("balance").stderr.startswith("Error: ")


def test_a_verb_on_an_empty_home_makes_the_database(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["source", "add", "Shop", "--json"], catch_exceptions=False)
    assert json.loads(result.stdout)["name"] == "Shop"
    assert (tmp_path / "home" / "ours.db").exists()


def test_verbs_work_on_postgresql(
    terminal: Terminal, make_database_url: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.json("source", "add", "On SQLite")
    monkeypatch.setenv("OURS_DATABASE_URL", make_database_url("postgresql"))
    terminal.json("source", "add", "On PostgreSQL")
    assert [one["name"] for one in terminal.json("source", "list")] == ["On PostgreSQL"]


def test_a_database_that_is_away_is_one_sentence(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    assert terminal.json("source", "list", status=1)["code"] == "unavailable"


def test_a_command_that_does_not_come_to_its_turn_says_who_keeps_it_and_ends(
    terminal: Terminal, ours: Ours, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ours.store.turnstile._SILENCE", 0.05)
    monkeypatch.setattr("ours.store.turnstile._LONGEST", 0.3)
    with ours.store.turn():
        result = terminal.run("source", "add", "Shop", "--json")
    assert result.exit_code == 1
    assert "keeps the turn to write. It is waited for" in result.stderr
    assert "`kill -CONT`" in json.loads(result.stdout)["error"]
    assert terminal.run("source", "add", "Shop").exit_code == 0


def test_upgrading_says_whether_there_was_anything_to_do(tmp_path: Path) -> None:
    runner = CliRunner()
    first, second = (runner.invoke(cli, ["db", "upgrade", "--json"], catch_exceptions=False) for _ in range(2))
    assert [json.loads(result.stdout)["upgraded"] for result in (first, second)] == [True, False]


def test_an_installation_is_begun_aloud_and_writing_a_plugin_begins_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, written = tmp_path / "home", str(tmp_path / "crm.py")
    monkeypatch.setenv("OURS_HOME", str(home))
    monkeypatch.delenv("OURS_DATABASE_URL", raising=False)
    terminal = Terminal()
    terminal.json("plugin", "new", "crm", "--into", str(tmp_path))
    terminal.json("plugin", "check", written)
    terminal.json("plugin", "try", written)
    assert not home.exists()
    assert str(home) in terminal.run("source", "add", "Shop").stderr
    assert terminal.run("source", "list").stderr == ""
