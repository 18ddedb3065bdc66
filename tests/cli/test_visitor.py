"""``ours visitor``, ``ours token`` and ``ours audit``."""

import json
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ours import clock
from ours.bootstrap import Ours
from ours.cli import cli
from ours.cli.shell import dump
from ours.core.incoming import Incoming
from ours.errors import Busy
from ours.services.visitors import exporting
from tests.cli.conftest import Terminal


@pytest.fixture
def send(ours: Ours) -> Callable[..., str]:
    made = ours.sources.add("Shop", actor="cli")

    def make(user_id: str, mode: str = "live") -> str:
        caller = ours.accept.authenticate(made.live_key if mode == "live" else made.test_key)
        assert caller
        properties = {"first_name": "Jane", "email": "jane@example.com"}
        item = Incoming(name="Purchase", occurred_at=clock.now_ms(), user_id=user_id, user_properties=properties)
        event_id = ours.accept.accept(caller, [item])[0].event_id
        while ours.route.run():
            pass
        return event_id

    return make


def test_a_visitor_is_found_shown_exported_and_forgotten(
    terminal: Terminal, send: Callable[[str], str], tmp_path: Path
) -> None:
    event_id = send("u1")
    (found,) = terminal.json("visitor", "find", "jane@example.com")
    assert (found["mode"], found["foundBy"]) == ("live", "email")
    (shown,) = terminal.json("visitor", "show", "u1")
    assert (shown["visitorId"], shown["properties"]["first_name"]) == ("u1", "Jane")
    file = tmp_path / "jane.json"
    assert terminal.run("visitor", "export", "u1", "--output", str(file)).exit_code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())[0]["events"][0]["id"] == event_id
    assert "can't be made" in terminal.run("visitor", "export", "u1", "--output", str(file)).stderr
    (receipt,) = terminal.json("visitor", "forget", "u1", "--yes")
    assert (receipt["events"], receipt["identifiers"], receipt["destinations"]) == (1, 1, [])
    assert terminal.json("visitor", "find", "u1") == []
    assert terminal.json("visitor", "show", "u1", status=1)["code"] == "not_found"
    assert terminal.json("visitor", "forget", "--again") == []
    assert terminal.json("balance", "--check")["faults"] == []
    verbs = [entry["verb"] for entry in terminal.json("audit", "list", "--actor", "cli")]
    assert [verb for verb in verbs if verb != "find"][:3] == ["forget", "export", "read"]


def test_an_export_is_one_document_as_the_terminal_prints_every_other(
    terminal: Terminal, send: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_PART", 1)
    for _ in range(3):
        send("u1")
    send("u1", "test")
    text = terminal.text("visitor", "export", "u1")
    assert [(one["mode"], len(one["events"])) for one in json.loads(text)] == [("live", 3), ("test", 1)]
    assert text == dump(json.loads(text)) + "\n"
    file = tmp_path / "jane.json"
    told = terminal.json("visitor", "export", "u1", "--output", str(file))
    assert told == {"file": str(file), "visitors": 2}
    moment = re.compile('"exportedAt": .*')
    assert moment.sub("", file.read_text()) == moment.sub("", text)


@pytest.mark.parametrize("error", [Busy("The database is away."), KeyboardInterrupt()])
def test_an_export_that_breaks_off_leaves_no_file_and_says_so(
    terminal: Terminal, send: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(exporting, "_PART", 1)
    for _ in range(3):
        send("u1")
    folder = tmp_path / "theirs"
    folder.mkdir()
    read, seen = exporting._events, iter(range(2))

    def breaking(*given: Any) -> Any:
        if next(seen, None) is None:
            raise error
        return read(*given)

    monkeypatch.setattr(exporting, "_events", breaking)
    assert terminal.run("visitor", "export", "u1", "--output", str(folder / "jane.json")).exit_code == 1
    assert list(folder.iterdir()) == []
    printed = terminal.run("visitor", "export", "u1")
    assert printed.exit_code == 1
    assert "database is away" in printed.stderr or "Aborted" in printed.stderr
    with pytest.raises(json.JSONDecodeError):
        json.loads(printed.stdout)


def test_who_is_there_in_both_modes_is_shown_in_one_document(terminal: Terminal, send: Callable[..., str]) -> None:
    send("u1")
    send("u1", "test")
    assert [one["mode"] for one in terminal.json("visitor", "show", "u1")] == ["live", "test"]


def test_forgetting_one_of_two_modes_says_who_is_left(terminal: Terminal, send: Callable[..., str]) -> None:
    for mode in ("live", "test"):
        send("u1", mode)
    found = {one["mode"]: one["id"] for one in terminal.json("visitor", "find", "u1")}
    said = terminal.run("visitor", "forget", found["live"], "--kind", "visitor", "--yes")
    assert f"still here in test mode: ours visitor forget {found['test']} --kind visitor." in said.stdout + said.stderr
    send("u1")
    receipts = terminal.json("visitor", "forget", "u1", "--yes")
    assert [(one["mode"], one["by"], len(one["otherMode"])) for one in receipts] == [
        ("live", "cli", 1),
        ("test", "cli", 0),
    ]


def test_nobody_is_forgotten_unasked(terminal: Terminal, send: Callable[[str], str]) -> None:
    send("u1")
    assert "Use --yes" in terminal.json("visitor", "forget", "u1", status=1)["error"]
    typed = CliRunner().invoke(cli, ["visitor", "forget", "-"], input="u1\n", prog_name="ours")
    assert (typed.exit_code, "Use --yes" in typed.output) == (1, True)
    assert len(terminal.json("visitor", "find", "u1")) == 1


def test_who_is_meant_is_read_from_standard_input_and_must_be_said(
    terminal: Terminal, send: Callable[[str], str]
) -> None:
    send("u1")
    answer = CliRunner().invoke(cli, ["visitor", "find", "-", "--json"], input="jane@example.com\n", prog_name="ours")
    assert len(json.loads(answer.stdout)) == 1
    assert terminal.run("visitor", "forget").exit_code == 2
    assert terminal.run("visitor", "forget", "u1", "--again").exit_code == 2


def test_reading_an_event_is_written_down(terminal: Terminal, send: Callable[[str], str]) -> None:
    event_id = send("u1")
    terminal.json("event", "show", event_id)
    (entry,) = terminal.json("audit", "list", "--verb", "read", "--subject", f"event {event_id}")
    assert terminal.json("audit", "list", "--verb", "read", "--since", "1h") == [entry]
    assert terminal.json("audit", "list", "--verb", "read", "--until", "1h") == []
    assert (entry["actor"], entry["detail"]) == ("cli", {})


def test_a_token_is_shown_once_listed_without_its_text_and_revoked(terminal: Terminal, ours: Ours) -> None:
    made = terminal.json("token", "add", "CI", "--scope", "balance:read", "--days", "7")
    actor = ours.tokens.authenticate(made["token"])
    assert actor is not None
    assert (actor.role, actor.scopes) == ("viewer", frozenset({"balance:read"}))
    assert made["token"] not in terminal.run("token", "list", "--json").stdout
    assert terminal.json("token", "revoke", str(made["id"]))["status"] == "revoked"
    assert ours.tokens.authenticate(made["token"]) is None
    assert "There is no scope" in terminal.json("token", "add", "CI", "--scope", "everything", status=1)["error"]
    assert terminal.json("token", "revoke", "99", status=1)["code"] == "not_found"
    assert {one["scope"] for one in terminal.json("token", "scopes")} > {"sources:read", "visitors:forget"}
