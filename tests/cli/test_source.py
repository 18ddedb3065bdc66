"""``ours source``, as scripts and people use it."""

import os
import pty
import subprocess
import sys

import pytest
import time_machine

from ours.bootstrap import Ours
from ours.clock import iso, now_ms
from ours.services.accept import Why
from ours.store.queries import volumes
from tests.cli.conftest import Terminal
from tests.refusing import until


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
    assert [one["actor"] for one in terminal.json("audit", "list", "--verb", "read")] == ["cli"]
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
    terminal.json("source", "add", "[red]Shop[/red]")
    assert "[red]Shop[/red]" in terminal.text("source", "list")


def test_the_overlap_is_said_as_people_say_it(terminal: Terminal) -> None:
    old = terminal.json("source", "add", "Shop")["key"]
    for words, seconds in (("7d", 604_800), ("90m", 5_400), ("60", 60)):
        with time_machine.travel(1_800_000_000, tick=False):
            turned = terminal.json("source", "rotate", "Shop", "--overlap", words)
        [ends] = [key["expiresAt"] for key in terminal.json("source", "show", "Shop")["keys"] if key["key"] == old]
        assert ends == iso((1_800_000_000 + seconds) * 1000)
        old = turned["key"]
    assert "no length of time" in terminal.json("source", "rotate", "Shop", "--overlap", "soon", status=2)["error"]
    assert "90 days" in terminal.json("source", "rotate", "Shop", "--overlap", "91d", status=1)["error"]


def test_one_key_is_revoked_by_its_id(terminal: Terminal, ours: Ours) -> None:
    terminal.json("source", "add", "Other")
    made = terminal.json("source", "add", "Shop")
    turned = terminal.json("source", "rotate", "Shop", "--overlap", "7d")
    old = next(key for key in terminal.json("source", "show", "Shop")["keys"] if key["key"] == made["key"])
    revoked = terminal.json("source", "revoke", "Shop", str(old["id"]))
    assert (revoked["source"], revoked["id"], revoked["revokedAt"][-1]) == ("Shop", old["id"], "Z")
    assert ours.accept.authenticate(made["key"]) is None
    assert ours.accept.authenticate(turned["key"])
    assert "has no key 1" in terminal.json("source", "revoke", "Shop", "1", status=1)["error"]


def test_a_limit_is_set_and_lifted(terminal: Terminal, ours: Ours) -> None:
    made = terminal.json("source", "add", "Shop")
    assert terminal.json("source", "limit", "Shop", "50")["rateLimit"] == 50
    caller = ours.accept.authenticate(made["key"])
    assert caller
    assert caller.rate_limit == 50
    assert terminal.json("source", "limit", "Shop", "none")["rateLimit"] is None
    for wrong in ("0", "many", "1.5"):
        assert "limit" in terminal.json("source", "limit", "Shop", wrong, status=1)["error"]


@pytest.mark.parametrize("verb", ["revoke", "rotate"])
def test_a_person_is_asked_before_a_key_in_use_ends(
    terminal: Terminal, ours: Ours, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setattr("ours.cli.shell.Shell.can_ask", True)
    made = ours.sources.add("Shop", actor="cli")
    key = next(key for key in ours.sources.keys(made.source.id) if key.mode == "live")
    words = ("source", verb, "Shop", *([str(key.id)] if verb == "revoke" else ["--overlap", "0"]))
    with ours.store.write() as connection:
        volumes.note_use(connection, [key.id], now_ms())
    for answer in ("n", "y"):
        asked = terminal.run(*words, typed=f"{answer}\n")
        assert "used in the last 24 hours" in asked.stderr
        [now] = [one for one in ours.sources.keys(made.source.id) if one.id == key.id]
        assert now.works(now_ms() + 1) is (answer == "n")
    assert "24 hours" not in terminal.run(*words).stderr


def test_who_says_yes_is_not_asked(terminal: Terminal, ours: Ours, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ours.cli.shell.Shell.can_ask", True)
    made = ours.sources.add("Shop", actor="cli")
    with ours.store.write() as connection:
        volumes.note_use(connection, [key.id for key in ours.sources.keys(made.source.id)], now_ms())
    for words in (("rotate", "Shop", "--overlap", "0"), ("revoke", "Shop", "2"), ("deactivate", "Shop")):
        assert terminal.run("source", *words, "--yes").exit_code == 0


def test_refusals_says_why_what_a_source_sent_was_not_taken(terminal: Terminal, ours: Ours) -> None:
    caller = ours.accept.authenticate(terminal.json("source", "add", "Shop")["key"])
    assert caller is not None
    assert terminal.json("source", "refusals") == []
    assert "Nothing was refused" in terminal.text("source", "refusals", "Shop")
    ours.accept.refuse(caller, Why("invalid_fields", "email userId", "r1"), 2)
    until(lambda: terminal.text("source", "refusals"), "r1")
    (one,) = terminal.json("source", "refusals", "Shop")
    assert (one["code"], one["fields"], one["count"], one["mode"]) == ("invalid_fields", ["email", "userId"], 2, "live")
    assert "email, userId" in terminal.text("source", "refusals")
