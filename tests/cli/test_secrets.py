"""``ours secrets``, and what ``ours doctor`` says of old keys."""

import base64
import hashlib
import os

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
