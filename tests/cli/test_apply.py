"""``ours export`` and ``ours apply`` as they are typed."""

from pathlib import Path

import yaml

from tests.cli.conftest import Terminal

FILE = (
    "ours: 1\nsources: {Shop: {}}\ndestinations: {Archive: {type: file, settings: {folder: /tmp/x}, events: ['*']}}\n"
)


def test_a_script_must_say_yes_and_a_plan_changes_nothing(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(FILE)
    refused = terminal.run("apply", str(file))
    assert refused.exit_code == 1
    assert "+ source Shop" in refused.stdout
    assert "--yes" in refused.stderr
    planned = terminal.json("apply", "--plan", str(file))
    assert [change["name"] for change in planned["changes"]] == ["Shop", "Archive"]
    assert planned["applied"] is False
    assert terminal.json("source", "list") == []
    assert terminal.json("apply", "--yes", str(file))["applied"] is True
    assert terminal.json("apply", "--yes", str(file)) == {"changes": [], "applied": False}
    assert "as the file says" in terminal.text("apply", str(file))
    exported = terminal.text("export")
    assert yaml.safe_load(exported)["destinations"]["Archive"]["settings"] == {"folder": "/tmp/x"}
    assert terminal.json("export")["sources"] == {"Shop": {"status": "active"}}
    file.write_text(exported.replace("file", "ftp"))
    assert "can't change" in terminal.json("apply", "--yes", str(file), status=1)["error"]
