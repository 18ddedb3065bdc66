"""``ours plugin list``."""

from pathlib import Path

import pytest

from tests.cli.conftest import Terminal


def test_plugins_are_listed_with_what_was_set_aside_and_why(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.py").write_text("raise RuntimeError('no such luck')\n")
    monkeypatch.setenv("OURS_PLUGINS_DIR", str(tmp_path))
    listed = {one["name"]: one for one in terminal.json("plugin", "list")}
    assert listed["webhook"]["status"] == "loaded"
    assert listed["webhook"]["origin"] == "built-in"
    aside = next(one for one in listed.values() if one["status"] == "set aside")
    assert aside["slug"] is None
    assert "no such luck" in aside["reason"]
    assert "no such luck" in terminal.text("plugin", "list")
