"""``ours plugin``: what there is, and what helps an author."""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from ours.cli import double as doubles
from ours.plugin import load_settings
from ours.registry import Registry, SetAside, load_built_in
from tests.cli.conftest import Terminal

BROKEN = """
from ours.plugin import Destination, Request, hookimpl

class Broken(Destination):
    slug = "broken"
    label = "Broken"
    summary = "Takes much for granted."

    def build(self, delivery):
        return Request("POST", "https://example.com/", json={"text": delivery.event.user_id.upper()})

@hookimpl
def register_destinations():
    return [Broken]
"""


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


def test_a_plugin_whose_extra_is_missing_is_listed_with_the_line(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = SetAside("s3", "built-in", "here", "It needs the module boto3.", "pip install 'ours[s3]'")
    monkeypatch.setattr("ours.registry.load", lambda _: Registry([], [], [lacking]))
    [listed] = terminal.json("plugin", "list")
    assert (listed["status"], listed["install"]) == ("not installed", "pip install 'ours[s3]'")
    assert "not installed" in terminal.text("plugin", "list")


def test_a_new_plugin_passes_its_own_test_the_check_and_a_try(terminal: Terminal, tmp_path: Path) -> None:
    made = terminal.json("plugin", "new", "crm_bot", "--into", str(tmp_path / "mine"))
    plugin, test = made["files"]
    checked = terminal.json("plugin", "check", plugin)
    assert (checked["ok"], checked["setAside"]) == (True, [])
    assert len(checked["destinations"][0]["checks"]) > 10
    assert "ok     build is pure" in terminal.text("plugin", "check", plugin)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", test],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_new_plugin_overwrites_nothing_and_has_a_python_name(terminal: Terminal, tmp_path: Path) -> None:
    terminal.json("plugin", "new", "crm", "--into", str(tmp_path))
    assert "is there already" in terminal.json("plugin", "new", "crm", "--into", str(tmp_path), status=1)["error"]
    assert "can't be a plugin's name" in terminal.json("plugin", "new", "Crm-Bot", status=1)["error"]


def test_a_check_says_what_is_wrong_and_ends_with_status_1(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    document = terminal.json("plugin", "check", str(tmp_path / "broken.py"), status=1)
    faults = [one["fault"] for one in document["destinations"][0]["checks"] if one["fault"]]
    assert any("AttributeError" in fault and "broken.py, line 10" in fault for fault in faults)
    assert "wrong  build is pure" in terminal.run("plugin", "check", str(tmp_path / "broken.py")).output


def test_a_check_of_what_would_be_set_aside_says_why(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "oops.py").write_text("def oops(:")
    document = terminal.json("plugin", "check", str(tmp_path / "oops.py"), status=1)
    assert "not valid Python" in document["setAside"][0]["reason"]
    assert "There is no file" in terminal.json("plugin", "check", "nothing", status=1)["error"]


def test_a_check_asks_for_the_settings_that_it_can_not_think_of(terminal: Terminal) -> None:
    refused = terminal.json("plugin", "check", "webhook", "--set", "secret=short", status=1)
    assert "give working ones with --set KEY=VALUE. secret: Must be whsec_" in refused["error"]
    assert terminal.json("plugin", "check", "webhook", "--set", "headers.X-Team=the-team")["ok"]


def test_a_try_shows_the_request_for_a_callers_event_with_secrets_masked(terminal: Terminal, tmp_path: Path) -> None:
    event = {"event": "Signed Up", "externalId": "c-1", "distinctId": "d-1", "eventProperties": {"plan": "gold"}}
    file = tmp_path / "event.json"
    file.write_text(json.dumps(event))
    settings = ("--set", "url=https://example.com/?key=abcdef", "--set", "headers.X-Key=opensesame")
    shown = terminal.json("plugin", "try", "webhook", "--event", str(file), *settings, "--map", "plan=a {{visitor.id}}")
    request = shown["request"]
    assert request["url"] == "https://example.com/?key=••••"
    assert request["headers"]["X-Key"] == "••••"
    body = json.loads(request["body"])
    assert (body["type"], body["data"]["properties"], body["data"]["distinctId"]) == (
        "Signed Up", {"plan": "gold"}, "d-1",
    )  # fmt: skip
    assert body["data"]["plan"].startswith("a ")
    assert "POST https://example.com/?key=••••" in terminal.text(
        "plugin", "try", "webhook", "--event", str(file), *settings
    )


def test_a_try_shows_where_an_access_token_would_be(terminal: Terminal) -> None:
    with doubles.find("google_data_manager")() as standing:
        settings = [word for name, value in standing.settings.items() for word in ("--set", f"{name}={value}")]
    shown = terminal.json("plugin", "try", "google_data_manager", *settings)
    assert shown["request"]["headers"]["Authorization"] == "••••"
    checked = terminal.run("plugin", "check", "google_data_manager", *settings)
    assert (checked.exit_code, checked.stderr) == (0, "")


def test_a_try_takes_identifies_and_samples_and_says_why_nothing_is_sent(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "identify.json"
    file.write_text('{"userId": "u", "userProperties": {"email": "jane@example.com"}}')
    shown = terminal.json("plugin", "try", "file", "--event", str(file), "--map", "to={{visitor.email}}")
    assert (shown["event"], shown["fields"]["to"]) == ("$identify", "jane@example.com")
    (tmp_path / "chat.py").write_text((Path(__file__).parents[2] / "docs/examples/chat.py").read_text())
    document = terminal.json("plugin", "try", str(tmp_path / "chat.py"), "--map", "text=")
    assert (document["outcome"], document["code"], document["request"]) == ("rejected", "no_text", None)
    assert "rejected: no_text." in terminal.text("plugin", "try", str(tmp_path / "chat.py"), "--map", "text=")


def test_a_double_stands_in_for_a_vendor_and_shows_what_came(terminal: Terminal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said: list[str] = []
    words = ("plugin", "double", "mixpanel", "--port", str(port), "--calls", "1", "--json")
    runner = threading.Thread(target=lambda: said.append(terminal.run(*words).output))
    runner.start()
    session = requests.Session()
    session.mount("http://", HTTPAdapter(max_retries=Retry(10, backoff_factor=0.1)))
    answer = session.post(f"http://127.0.0.1:{port}/engage", json=[{"$token": "a-token", "$distinct_id": "u1"}])
    runner.join(10)
    assert answer.json() == {"error": None, "status": 1}
    told, _, calls = said[0].rpartition("}\n{")
    assert json.loads(told + "}")["settings"] == {"endpoint": f"http://127.0.0.1:{port}", "token": "a-token"}
    assert json.loads("{" + calls) == {"method": "POST", "path": "/engage", "status": 200, "kept": 0}


def test_every_double_is_named_for_a_plugin_and_reached_with_settings_that_it_takes(terminal: Terminal) -> None:
    loaded = {one.slug: one.plugin for one in load_built_in().loaded}
    assert doubles.names() == ["ga4", "google_data_manager", "meta", "mixpanel", "webhook"]
    for name in doubles.names():
        with doubles.find(name)() as standing:
            told = doubles.told(name, standing)
            settings = load_settings(loaded[name], told["settings"])
            assert settings.get("endpoint", settings.get("url", "")).startswith(standing.url)
    assert "There is no double" in terminal.json("plugin", "double", "file", status=1)["error"]


@pytest.mark.parametrize("body", ["[]", "{", '{"event": 5}'])
def test_a_try_refuses_what_no_caller_may_post(terminal: Terminal, tmp_path: Path, body: str) -> None:
    file = tmp_path / "event.json"
    file.write_text(body)
    assert terminal.json("plugin", "try", "file", "--event", str(file), status=1)["code"] == "invalid"
