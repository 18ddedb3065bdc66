"""``ours source``, as scripts and people use it."""

import os
import pty
import subprocess
import sys

import pytest

from ours.bootstrap import Ours
from ours.clock import now_ms
from ours.store.queries import volumes
from tests.cli.conftest import Terminal


def test_adding_a_source_prints_both_keys(terminal: Terminal, ours: Ours) -> None:
    made = terminal.json("source", "add", "Shop")
    assert list(made) == ["id", "name", "key", "testKey", "status"]
    assert (made["name"], made["status"]) == ("Shop", "active")
    caller = ours.accept.authenticate(made["testKey"])
    assert caller is not None
    assert (caller.source_id, caller.mode) == (made["id"], "test")


def test_the_list_has_everything_but_keys(terminal: Terminal) -> None:
    made = terminal.json("source", "add", "Shop")
    listed = terminal.json("source", "list")
    assert [(one["id"], one["name"], one["lastSeenAt"], one["live"]["received"]) for one in listed] == [
        (made["id"], "Shop", None, 0)
    ]
    assert made["key"] not in str(listed)


def test_show_finds_by_name_by_id_and_the_only_one(terminal: Terminal) -> None:
    made = terminal.json("source", "add", "Shop")
    for words in ((), ("shop",), (str(made["id"]),)):
        shown = terminal.json("source", "show", *words)
        assert (shown["key"], shown["testKey"]) == (made["key"], made["testKey"])
        assert {key["key"] for key in shown["keys"]} == {made["key"], made["testKey"]}
    terminal.json("source", "add", "Other")
    assert "Say which" in terminal.json("source", "show", status=1)["error"]


def test_a_source_is_deactivated_activated_and_deleted(terminal: Terminal) -> None:
    made = terminal.json("source", "add", "Shop")
    for verb, status in (("deactivate", "deactivated"), ("activate", "active"), ("delete", "deleted")):
        assert terminal.json("source", verb, "Shop") == {"id": made["id"], "name": "Shop", "status": status}
    assert terminal.json("source", "list") == []
    assert "none yet" in terminal.json("source", "show", "Shop", status=1)["error"]


def test_rotating_shows_the_new_key_and_when_the_old_ones_end(terminal: Terminal) -> None:
    made = terminal.json("source", "add", "Shop")
    turned = terminal.json("source", "rotate", "Shop", "--mode", "test", "--overlap", "0")
    assert turned["key"].startswith("test_")
    assert turned["oldKeysExpireAt"].endswith("Z")
    shown = terminal.json("source", "show", "Shop")
    assert (shown["key"], shown["testKey"]) == (made["key"], turned["key"])


@pytest.mark.parametrize(("answer", "status"), [("y", "deactivated"), ("n", "active")])
def test_a_person_is_asked_before_a_busy_source_is_deactivated(ours: Ours, answer: str, status: str) -> None:
    made = ours.sources.add("Shop", actor="cli").source
    with ours.store.write() as connection:
        volumes.note_use(connection, [key.id for key in ours.sources.keys(made.id)], now_ms())
    keyboard, stdin = pty.openpty()
    os.write(keyboard, f"{answer}\n".encode())
    command = [sys.executable, "-m", "ours", "source", "deactivate", "Shop"]
    done = subprocess.run(command, stdin=stdin, capture_output=True, text=True, timeout=30, check=False)
    os.close(keyboard)
    os.close(stdin)
    assert "last 24 hours" in done.stderr
    assert done.returncode == (0 if answer == "y" else 1)
    assert ours.sources.get(made.id).status == status


def test_people_see_a_table(terminal: Terminal) -> None:
    assert "Add one with `ours source add NAME`" in terminal.text("source", "list")
    terminal.json("source", "add", "[red]Shop[/red] \u202e")
    seen = terminal.text("source", "list")
    assert "[red]Shop[/red]" in seen
    assert "\u202e" not in seen
