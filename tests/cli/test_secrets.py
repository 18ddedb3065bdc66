"""``ours secrets``, and what ``ours doctor`` says of old keys."""

import base64
import hashlib
import os

import pytest

from ours.bootstrap import Ours
from ours.settings import load
from tests.cli.conftest import Terminal


def _said(terminal: Terminal) -> list[str]:
    return [one["status"] for one in terminal.json("doctor") if one["name"] == "secret keys"]


def test_a_new_key_is_added_used_and_the_old_one_let_go(terminal: Terminal) -> None:
    key = terminal.json("source", "add", "Shop")["key"]
    assert _said(terminal) == ["ok"]
    terminal.json("secrets", "new")
    assert {one["older"] for one in terminal.json("secrets", "status") if one["name"] == "keys"} == {2}
    assert _said(terminal) == ["ok", "warn"]
    assert terminal.json("secrets", "rotate")["resealed"] >= 2
    assert sum(one["older"] for one in terminal.json("secrets", "status")) == 0
    assert _said(terminal) == ["ok"]
    assert terminal.json("source", "show", "Shop")["key"] == key
    said = terminal.json("audit", "list", "--subject", "secret keys")
    newest = load(os.environ).secret_keys[0]
    key = hashlib.sha256(newest).hexdigest()[:8]
    assert [(one["verb"], one["detail"]["key"]) for one in said] == [
        ("rotate", key), ("rotate", key), ("add_key", key),
    ]  # fmt: skip


def test_keys_of_the_environment_are_the_operators(terminal: Terminal, monkeypatch: object) -> None:
    monkeypatch.setenv("OURS_SECRET_KEYS", base64.urlsafe_b64encode(bytes(32)).decode())  # type: ignore[attr-defined]
    assert "OURS_SECRET_KEYS" in terminal.json("secrets", "new", status=1)["error"]


def test_no_process_begins_on_a_database_that_other_keys_have_sealed(
    terminal: Terminal, ours: Ours, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ = ours.store.lookup
    monkeypatch.setattr("ours.jobs.worker.run", lambda *_: None)
    monkeypatch.setattr("ours.web.serve.run", lambda *_: None)
    verbs = [["web"], ["worker", "route"], ["worker", "deliver"], ["worker", "scheduler"]]
    assert [terminal.run(*verb).exit_code for verb in verbs] == [0] * 4
    monkeypatch.setenv("OURS_SECRET_KEYS", base64.urlsafe_b64encode(bytes(range(32))).decode())
    for verb in verbs:
        said = terminal.run(*verb)
        assert said.exit_code == 1
        assert f"its secret key {ours.settings.sealing_key_id} is not in OURS_SECRET_KEYS" in said.stderr
