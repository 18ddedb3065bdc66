"""``ours export`` and ``ours apply`` as they are typed."""

from pathlib import Path

import yaml

from ours.bootstrap import Ours
from ours.store.queries import destinations
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


def test_a_destination_without_its_plugin_is_exported_and_named(terminal: Terminal, ours: Ours, tmp_path: Path) -> None:
    url = {"url": "https://example.com/secret-path"}
    made = ours.destinations.add("webhook", "Hook", url, events=["*"], actor="cli")
    with ours.store.write() as connection:
        destinations.change(connection, made.id, {"slug": "gone"})
    exported = terminal.run("export")
    assert exported.exit_code == 0
    assert 'no plugin ("gone" is not loaded)' in exported.stderr
    assert "secret-path" not in exported.output
    (tmp_path / "ours.yaml").write_text(exported.stdout)
    assert "All is as the file says." in terminal.text("apply", str(tmp_path / "ours.yaml"))
